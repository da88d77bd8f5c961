"""Graphs and XLA give the eager numbers; batch and lengths may be unknown or zero."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases, decoder_cases, test_marginal
from tests.layers.gradients import (
    COMPILERS,
    compiled,
    to_numpy,
    value_and_gradients,
)
from tests.layers.weights import randomize

TOLERANCE = 2e-6  # of the largest number of an array, and at least of 1
# Their gradients round more; those of attentions agree to 1e-14 in float64.
ROUNDED = dict.fromkeys(["bahdanau_layer_norm", "forward_transition", "marginal"], 5e-6)
tensorflow_only = pytest.mark.tensorflow_only
# Every class once: a score or an alignment with two heads where it has them.
CLASSES = dict(cases.DISTINCT)
# What `make test` compiles; `make test-mechanisms` compiles the others too.
FEW = [*[(name, 1) for name in [*cases.SCORES, "fixed"]], ("sparsemax", 2)]
MECHANISMS = pytest.mark.mechanisms
OTHERS = [pytest.param(*x, marks=MECHANISMS) for x in CLASSES.items() if x not in FEW]
MARGINAL = [
    pytest.param(name, marks=() if name == "order_1_monotonic" else MECHANISMS)
    for name in test_marginal.CASES
]


def _assert_same(got, wanted, tolerance=TOLERANCE):
    flat = zip(keras.tree.flatten(got), keras.tree.flatten(wanted), strict=True)
    for a, b in flat:
        scale = np.abs(b).max(initial=1)
        assert_allclose(a, b, rtol=1e-5, atol=tolerance * scale)


def _attention(name, heads):
    layer = cases.ATTENTIONS[name].make(num_heads=heads)
    query, value, key = (x.astype("float32") for x in cases.inputs(name))
    query_mask, value_mask = cases.masks()
    layer.build(query.shape, value.shape, key.shape)
    randomize(layer)

    def run(query, value, key):
        return layer(
            query,
            value,
            key,
            query_mask=query_mask,
            value_mask=value_mask,
            return_attention_scores=True,
        )

    return layer, run, [query, value, key]


def _decoder(case, attention, cell):
    decoder = decoder_cases.built(case, attention, cell)
    data, masks = decoder_cases.inputs(attention, cell), decoder_cases.masks()

    def run(inputs, value):
        return decoder(
            inputs,
            value,
            **masks,
            initial_state=data["initial_state"],
            return_attention_scores=True,
        )

    return decoder, run, [data["inputs"], data["value"]]


def _check_compiled(layer, run, arrays, how, tolerance=TOLERANCE):
    def loss(*tensors):
        return sum(ops.sum(ops.sin(3.0 * x)) for x in run(*tensors))

    tensors = [ops.convert_to_tensor(x) for x in arrays]
    _assert_same(to_numpy(compiled(run, how)(*tensors)), to_numpy(run(*tensors)))
    variables = layer.trainable_variables
    _assert_same(
        value_and_gradients(loss, arrays, variables, how),
        value_and_gradients(loss, arrays, variables),
        tolerance,
    )


@pytest.mark.parametrize("how", COMPILERS)
@pytest.mark.parametrize("name, heads", [*FEW, *OTHERS])
def test_attention(name, heads, how):
    tolerance = ROUNDED.get(name, TOLERANCE)
    _check_compiled(*_attention(name, heads), how, tolerance)


def _marginal(name):
    layer = test_marginal._layer(name)

    def run(query, value):
        return test_marginal._call(layer, query=query, value=value)

    arrays = [test_marginal.QUERY, test_marginal.VALUE]
    return layer, run, [x.astype("float32") for x in arrays]


@pytest.mark.parametrize("how", COMPILERS)
@pytest.mark.parametrize("name", MARGINAL)
def test_marginal_attention(name, how):
    _check_compiled(*_marginal(name), how, ROUNDED["marginal"])


@pytest.mark.parametrize("how", COMPILERS)
@pytest.mark.parametrize(
    "case, attention, cell",
    [
        *[(case, "luong_general", "lstm") for case in decoder_cases.LOOPS],
        ("bahdanau", "bahdanau_norm", "gru"),
        ("luong_concat", "luong_dot", "simple_rnn"),
        ("luong", "fixed", "gru"),
        ("bahdanau_none", "luong_concat", "stacked"),
    ],
)
def test_decoder(case, attention, cell, how):
    _check_compiled(*_decoder(case, attention, cell), how)


@pytest.mark.parametrize("how", COMPILERS)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_encoder(cell, how):
    encoder = ka.RecurrentEncoder(3, cell, num_layers=2)
    embedded = np.random.default_rng(3).normal(size=(cases.B, cases.S, 2))
    mask = np.arange(cases.S) < np.array([[5], [3], [1]])
    encoder(embedded)
    randomize(encoder)

    def run(embedded):
        value, state = encoder(embedded, mask=mask)
        return [value, *[x for layer in state for x in layer]]

    _check_compiled(encoder, run, [embedded.astype("float32")], how)


@tensorflow_only
@pytest.mark.parametrize("case", [*decoder_cases.LOOPS, "fixed"])
def test_one_graph_for_every_batch_and_length(case):
    import tensorflow as tf

    attention = "fixed" if case == "fixed" else "bahdanau"
    case = "luong" if case == "fixed" else case
    decoder = decoder_cases.built(case, attention, "gru")
    encoder = ka.RecurrentEncoder(cases.DV // 2, "gru")
    encoder(np.zeros((1, 2, 2), "float32"))

    def run(inputs, embedded, inputs_mask, mask):
        value, _ = encoder(embedded, mask=mask)
        return decoder(
            inputs,
            value,
            inputs_mask=inputs_mask,
            value_mask=mask,
            return_attention_scores=True,
        )

    def gradient(inputs, embedded, inputs_mask, mask):
        variables = [v.value for v in decoder.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(embedded)
            outputs, _ = run(inputs, embedded, inputs_mask, mask)
            loss = tf.reduce_sum(outputs**2)
        return run(inputs, embedded, inputs_mask, mask), tape.gradient(
            loss,
            [embedded, *variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )

    graph = tf.function(
        gradient,
        input_signature=[
            tf.TensorSpec([None, None, 3], "float32"),
            tf.TensorSpec([None, None, 2], "float32"),
            tf.TensorSpec([None, None], "bool"),
            tf.TensorSpec([None, None], "bool"),
        ],
    )
    random = np.random.default_rng(2)
    for batch, steps, positions in [(3, 4, 5), (1, 1, 1), (2, 7, 3), (0, 4, 5)]:
        arguments = [
            random.normal(size=(batch, steps, 3)).astype("float32"),
            random.normal(size=(batch, positions, 2)).astype("float32"),
            np.ones((batch, steps), bool),
            np.arange(positions) < np.full((batch, 1), max(1, positions - 1)),
        ]
        (outputs, weights), gradients = graph(*map(tf.constant, arguments))
        assert outputs.shape == (batch, steps, 6) or case == "bahdanau"
        assert weights.shape == (batch, steps, positions)
        for x in to_numpy(gradients):
            assert np.isfinite(x).all()
        if batch:
            _assert_same(to_numpy((outputs, weights)), to_numpy(run(*arguments)))
    assert graph.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name, heads", CLASSES.items())
def test_zero_rows_eagerly(name, heads):
    layer, _, _ = _attention(name, heads)
    query, value, key = (x.astype("float32") for x in cases.inputs(name, batch=0))
    context, weights = layer(query, value, key, return_attention_scores=True)
    by_head = (heads,) if heads > 1 else ()
    assert tuple(context.shape) == (0, cases.T, cases.DV)
    assert tuple(weights.shape) == (0, *by_head, cases.T, cases.S)
    memory = layer.precompute(value, key)
    context, weights, _ = layer.step(query[:, 0], memory, layer.initial_state(memory))
    assert tuple(context.shape) == (0, cases.DV)
    assert tuple(weights.shape) == (0, *by_head, cases.S)


@pytest.mark.parametrize("name", test_marginal.CASES)
def test_zero_rows_eagerly_through_marginal_attention(name):
    layer, _, arrays = _marginal(name)
    query, value = (x[:0] for x in arrays)
    (_, steps, _), (_, positions, _) = query.shape, value.shape
    ids = np.zeros((0, steps), "int32")
    log_probs, weights = layer(query, value, ids, return_attention_scores=True)
    assert tuple(log_probs.shape) == (0, steps, layer.vocabulary_size)
    assert tuple(weights.shape) == (0, steps, positions)
    memory = layer.precompute(value)
    state = layer.initial_state(memory)
    log_probs, weights, _ = layer.step(query[:, 0], ids[:, 0], memory, state)
    assert tuple(log_probs.shape) == (0, layer.vocabulary_size)
    assert tuple(weights.shape) == (0, positions)


def test_zero_rows_eagerly_through_a_walk():
    attention = ka.Attention("additive", "monotonic")
    decoder = ka.AttentionDecoder(keras.layers.GRUCell(4), attention)
    decoder(np.zeros((1, 2, 3), "float32"), np.zeros((1, 5, cases.DV), "float32"))
    memory = decoder.precompute(np.zeros((0, 5, cases.DV), "float32"))
    walking = ka.WalkingAttention(attention, memory)
    step = decoder.stepper(memory, attention=walking)
    state = walking.begin(decoder.initial_state(memory))
    for _ in range(2):
        output, weights, state = step(np.zeros((0, 3), "float32"), state)
        assert tuple(output.shape)[0] == 0
        assert tuple(weights.shape) == (0, 5)
    assert tuple(state.attention.alignment.energies.shape) == (0,)


@pytest.mark.parametrize("case", decoder_cases.LOOPS)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_zero_rows_eagerly_through_the_decoder(case, cell):
    decoder = decoder_cases.built(case, "bahdanau", cell)
    inputs = np.zeros((0, 4, 3), "float32")
    value = np.zeros((0, 5, cases.DV), "float32")
    outputs, weights = decoder(inputs, value, return_attention_scores=True)
    assert tuple(outputs.shape)[:2] == (0, 4)
    assert tuple(weights.shape) == (0, 4, 5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_zero_rows_eagerly_through_the_encoder(cell):
    encoder = ka.RecurrentEncoder(3, cell, num_layers=2)
    encoder(np.zeros((1, 2, 2), "float32"))
    value, state = encoder(np.zeros((0, 5, 2), "float32"))
    assert tuple(value.shape) == (0, 5, 6)
    assert tuple(state[-1][0].shape) == (0, 6)
