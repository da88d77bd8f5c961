"""Dropout: off outside training, one mask per call, and never in what is returned."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases, decoder_cases
from tests.layers.gradients import BACKEND, COMPILERS, compiled, to_numpy
from tests.layers.weights import randomize

L = keras.layers


def _attention(dropout):
    layer = ka.BahdanauAttention(cases.U, dropout=dropout, num_heads=2)
    query, value, _ = (x.astype("float32") for x in cases.inputs("bahdanau"))
    layer.build(query.shape, value.shape)
    return randomize(layer), query, value


def test_attention_weights_are_those_before_dropout():
    layer, query, value = _attention(0.5)
    plain = to_numpy(layer(query, value, return_attention_scores=True))
    drawn = to_numpy(layer(query, value, return_attention_scores=True, training=True))
    assert_allclose(drawn[1], plain[1], rtol=1e-6)
    assert np.abs(drawn[0] - plain[0]).max() > 0.05


def test_attention_dropout_drops_and_scales_weights():
    # With identity values the context shows the dropped weights themselves.
    layer = ka.LuongAttention("dot", dropout=0.5)
    query = np.random.default_rng(1).normal(size=(40, 7, 6)).astype("float32")
    value = np.tile(np.eye(6, dtype="float32"), (40, 1, 1))
    context, weights = layer(query, value, return_attention_scores=True, training=True)
    ratio = to_numpy(context) / to_numpy(weights)
    dropped = np.isclose(ratio, 0, atol=1e-4)
    assert np.all(dropped | np.isclose(ratio, 2, atol=1e-3))
    assert 0.4 < dropped.mean() < 0.6
    # Every query draws its own mask.
    assert np.any(dropped[:, 0] != dropped[:, 1])


@pytest.mark.parametrize("training", [False, None])
def test_nothing_is_dropped_outside_training(training):
    layer, query, value = _attention(0.5)
    options = {} if training is None else {"training": training}
    one, two = layer(query, value, **options), layer(query, value, **options)
    assert_allclose(to_numpy(one), to_numpy(two), rtol=0)
    plain, *_ = _attention(0.0)
    assert_allclose(to_numpy(one), to_numpy(plain(query, value)), rtol=1e-6)


def _decoder(attention_dropout=0.0, cell=None, **options):
    cell = cell or L.GRUCell(cases.D)
    return ka.AttentionDecoder(
        cell, ka.BahdanauAttention(cases.U, dropout=attention_dropout), **options
    )


DECODERS = {
    "attention": lambda: _decoder(0.5),
    "attention_after_the_loop": lambda: _decoder(
        0.5, order="luong", input_feeding=False
    ),
    "inputs_and_outputs": lambda: _decoder(dropout=0.5),
    "cell_dropout": lambda: _decoder(cell=L.GRUCell(cases.D, dropout=0.5)),
    "cell_recurrent_dropout": lambda: _decoder(
        cell=L.LSTMCell(cases.D, recurrent_dropout=0.5)
    ),
    "cell_dropout_with_feeding": lambda: _decoder(
        cell=L.LSTMCell(cases.D, dropout=0.5), order="luong"
    ),
    "simple_rnn": lambda: _decoder(cell=L.SimpleRNNCell(cases.D, dropout=0.5)),
    "stacked": lambda: _decoder(
        cell=L.StackedRNNCells(
            [
                L.GRUCell(5, dropout=0.5),
                L.LSTMCell(cases.D, dropout=0.3, recurrent_dropout=0.5),
            ]
        )
    ),
    "conditional": lambda: _decoder(
        cell=L.StackedRNNCells([L.GRUCell(cases.D), L.GRUCell(cases.D, dropout=0.5)]),
        order="conditional",
    ),
}


@pytest.mark.parametrize("name", DECODERS)
def test_decoder_masks_differ_between_calls(name):
    decoder, data = DECODERS[name](), decoder_cases.inputs()
    arguments = data["inputs"], data["value"]
    plain = to_numpy(decoder(*arguments))
    calls = [to_numpy(decoder(*arguments, training=True)) for _ in range(3)]
    for one, two in [(0, 1), (1, 2), (0, 2)]:
        assert np.abs(calls[one] - calls[two]).max() > 1e-3
    assert np.isfinite(calls).all()
    # And training has left nothing behind.
    assert_allclose(to_numpy(decoder(*arguments)), plain, rtol=0)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", DECODERS)
def test_decoder_works_twice_traced(name):
    import tensorflow as tf

    decoder, data = DECODERS[name](), decoder_cases.inputs()
    arguments = data["inputs"], data["value"]
    plain = to_numpy(decoder(*arguments))

    for _ in range(2):
        graph = tf.function(lambda x, v: decoder(x, v, training=True))
        one, two = to_numpy(graph(*arguments)), to_numpy(graph(*arguments))
        assert np.abs(one - two).max() > 1e-3
    eager = to_numpy(decoder(*arguments, training=True))
    assert np.isfinite(eager).all()
    assert_allclose(to_numpy(decoder(*arguments)), plain, rtol=0)


@pytest.mark.skipif("xla" not in COMPILERS, reason="torch is run eagerly")
@pytest.mark.parametrize("name", ["attention", "cell_recurrent_dropout", "stacked"])
def test_dropout_under_xla(name):
    decoder, data = DECODERS[name](), decoder_cases.inputs()
    arguments = data["inputs"], data["value"]
    plain = to_numpy(decoder(*arguments))
    if BACKEND == "jax":
        # Under jit the seeds' state goes in and out, as Keras' trainer does it.
        frozen = [v.value for v in decoder.trainable_variables]

        def run(state, x, v):
            return decoder.stateless_call(frozen, state, x, v, training=True)

        step = compiled(run, "xla")
        state = [v.value for v in decoder.non_trainable_variables]
        one, state = step(state, *arguments)
        two, _ = step(state, *arguments)
    else:
        step = compiled(lambda x, v: decoder(x, v, training=True), "xla")
        one, two = step(*arguments), step(*arguments)
    assert np.abs(to_numpy(one) - to_numpy(two)).max() > 1e-3
    assert_allclose(to_numpy(decoder(*arguments)), plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["dropout", "recurrent_dropout"])
def test_one_mask_for_all_steps_of_a_call(kind):
    """A cell whose kernels are ones shows which units its masks drop.

    Keras' cells draw a mask once per sequence (Gal & Ghahramani 2016). With a
    linear SimpleRNNCell, an input that is one at every step and no recurrence,
    the output is the same at every step only when the mask is.
    """
    width, steps = 32, 6
    if kind == "dropout":
        kernels = {"kernel_initializer": "identity", "recurrent_initializer": "zeros"}
    else:
        kernels = {
            "kernel_initializer": "zeros",
            "recurrent_initializer": "identity",
        }
    cell = L.SimpleRNNCell(width, activation="linear", **kernels, **{kind: 0.5})
    decoder = ka.AttentionDecoder(
        cell,
        ka.FixedContext(),
        order="luong",
        readout="none",
        input_feeding=False,
        bridge="copy",
    )
    inputs = np.ones((2, steps, width), "float32")
    value = np.ones((2, 3, 2), "float32")
    state = [[np.ones((2, width), "float32")]]
    outputs = to_numpy(decoder(inputs, value, initial_state=state, training=True))
    growth = 1.0 if kind == "dropout" else 2.0
    kept = outputs[:, 0] > 0
    assert 0.2 < kept.mean() < 0.8
    for t in range(steps):
        wanted = np.where(kept, 2.0 * growth**t, 0.0)
        assert_allclose(outputs[:, t], wanted, rtol=1e-5)


def test_encoder_dropout():
    encoder = ka.RecurrentEncoder(4, num_layers=2, dropout=0.5)
    embedded = np.random.default_rng(0).normal(size=(3, 5, 6)).astype("float32")
    plain = to_numpy(encoder(embedded))
    calls = [to_numpy(encoder(embedded, training=True))[0] for _ in range(2)]
    assert np.abs(calls[0] - calls[1]).max() > 1e-3
    again = to_numpy(encoder(embedded))
    assert_allclose(again[0], plain[0], rtol=0)


def test_seeds_make_calls_repeatable():
    _, query, value = _attention(0.5)

    def run():
        layer = ka.LuongAttention("dot", dropout=0.5, seed=7)
        return to_numpy(layer(query, value, training=True))

    assert_allclose(run(), run(), rtol=0)
