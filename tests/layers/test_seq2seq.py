"""The whole model: training, masks by id, and its functional structure."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize
from tests.reference.losses import masked_cross_entropy

L = keras.layers
DECODERS = {
    "bahdanau": lambda: ka.AttentionDecoder(L.GRUCell(16), ka.BahdanauAttention(16)),
    "luong": lambda: ka.AttentionDecoder(L.LSTMCell(16), ka.LuongAttention("general")),
    "none": lambda: ka.AttentionDecoder(L.LSTMCell(16), None),
    "conditional": lambda: ka.AttentionDecoder(
        L.StackedRNNCells([L.LSTMCell(16), L.LSTMCell(16)]),
        ka.BahdanauAttention(16, alignment="monotonic"),
        order="conditional",
        readout="maxout",
    ),
}


def _model(name, vocabulary=7, **options):
    return ka.Seq2Seq(
        ka.RecurrentEncoder(8, "gru" if name == "bahdanau" else "lstm"),
        DECODERS[name](),
        source_vocabulary_size=vocabulary,
        target_vocabulary_size=vocabulary,
        embedding_dim=8,
        **options,
    )


def _copies(count=64, seed=0):
    """Sources of 1 to 3 symbols with the end; targets are the same symbols."""
    random = np.random.default_rng(seed)
    source = np.zeros((count, 4), "int32")
    for row in source:
        length = random.integers(1, 4)
        row[:length] = random.integers(3, 7, size=length)
        row[length] = 2
    shifted = np.concatenate([np.ones((count, 1), "int32"), source[:, :-1]], axis=1)
    shifted[shifted == 2] = 0
    return {"source_ids": source, "target_ids": shifted}, source


@pytest.mark.parametrize("name", ["bahdanau", "luong"])
def test_fit_learns_to_copy(name):
    model = _model(name)
    inputs, targets = _copies(128)
    model.compile(
        keras.optimizers.Adam(0.03),
        ka.losses.MaskedCrossentropy(),
        metrics=[ka.metrics.TokenAccuracy(), ka.metrics.SequenceAccuracy()],
    )
    history = model.fit(inputs, targets, batch_size=32, epochs=25, verbose=0).history
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    assert history["token_accuracy"][-1] > 0.9
    # Every weight of the model took part.
    generated = to_numpy(model.generate(inputs["source_ids"]))
    right = [
        np.array_equal(ids[:length], target[target != 0])
        for ids, length, target in zip(
            generated.ids, generated.lengths, targets, strict=True
        )
    ]
    assert np.mean(right) > 0.8


@pytest.mark.parametrize("name", DECODERS)
def test_one_fit_step_moves_every_weight(name):
    model = randomize(_model(name), scale=0.5)
    inputs, targets = _copies(8)
    model.compile("sgd", ka.losses.MaskedCrossentropy())
    before = [to_numpy(v) for v in model.trainable_variables]
    model.fit(inputs, targets, epochs=1, verbose=0)
    for v, old in zip(model.trainable_variables, before, strict=True):
        assert np.isfinite(to_numpy(v)).all()
        assert np.abs(to_numpy(v) - old).max() > 0, v.path


@pytest.mark.parametrize("name", DECODERS)
def test_padding_columns_and_neighbours_do_not_matter(name):
    model = randomize(_model(name), scale=0.5)
    inputs, _ = _copies(5)
    wanted = to_numpy(model(inputs))
    wide = {
        "source_ids": np.pad(inputs["source_ids"], ((0, 0), (0, 3))),
        "target_ids": np.pad(inputs["target_ids"], ((0, 0), (0, 2))),
    }
    got = to_numpy(model(wide))[:, :4]
    valid = inputs["target_ids"] != 0
    assert_allclose(got[valid], wanted[valid], atol=1e-5)
    order = np.array([3, 1, 4, 0, 2])
    permuted = to_numpy(model({k: v[order] for k, v in inputs.items()}))
    assert_allclose(permuted, wanted[order], atol=1e-5)


def test_evaluated_loss_is_the_oracles():
    model = randomize(_model("luong"), scale=0.5)
    inputs, targets = _copies(16)
    model.compile("adam", ka.losses.MaskedCrossentropy(label_smoothing=0.1))
    got = model.evaluate(inputs, targets, batch_size=16, verbose=0)
    wanted = masked_cross_entropy(targets, to_numpy(model(inputs)), 0, 0.1)
    assert_allclose(got, wanted, rtol=1e-5)


def test_outputs_with_weights():
    model = _model("luong", return_attention_scores=True)
    inputs, _ = _copies(5)
    outputs = to_numpy(model(inputs))
    assert set(outputs) == {"logits", "weights"}
    assert outputs["logits"].shape == (5, 4, 7)
    assert outputs["weights"].shape == (5, 4, 4)
    source, target = inputs["source_ids"] != 0, inputs["target_ids"] != 0
    sums = outputs["weights"].sum(-1)
    assert_allclose(sums[target], 1.0, atol=1e-5)
    assert np.all(outputs["weights"][~np.repeat(source[:, None], 4, 1)] == 0)


def test_plain_and_with_weights_have_the_same_logits():
    plain = randomize(_model("luong"))
    looking = _model("luong", return_attention_scores=True)
    looking.set_weights(plain.get_weights())
    inputs, _ = _copies(5)
    assert_allclose(
        to_numpy(looking(inputs))["logits"], to_numpy(plain(inputs)), rtol=1e-6
    )


def test_a_loss_on_the_weights_trains():
    model = _model("luong", return_attention_scores=True)
    inputs, targets = _copies(16)
    diagonal = np.repeat(np.eye(4, dtype="float32")[None], 16, axis=0)
    model.compile(
        keras.optimizers.Adam(0.02),
        {"logits": ka.losses.MaskedCrossentropy(), "weights": "mse"},
    )
    aims = {"logits": targets, "weights": diagonal}
    history = model.fit(inputs, aims, epochs=10, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_it_is_a_functional_model():
    model = _model("bahdanau")
    assert isinstance(model, keras.Model)
    assert {tensor.name for tensor in model.inputs} == {"source_ids", "target_ids"}
    assert model.output_shape == (None, None, 7)
    inputs, _ = _copies(3)
    inner = keras.Model(model.input, model.output)
    assert_allclose(to_numpy(inner(inputs)), to_numpy(model(inputs)), rtol=1e-6)


def test_predict_on_batches():
    model = _model("luong")
    inputs, _ = _copies(5)
    got = model.predict(inputs, batch_size=2, verbose=0)
    assert_allclose(got, to_numpy(model(inputs)), atol=1e-5)


@pytest.mark.tensorflow_only
def test_no_rows_through_a_graph():
    import tensorflow as tf

    model = _model("luong")
    spec = tf.TensorSpec([None, None], "int32")
    graph = tf.function(lambda s, t: model({"source_ids": s, "target_ids": t}))
    graph = graph.get_concrete_function(spec, spec)
    none = tf.zeros((0, 4), "int32")
    assert graph(none, none).shape == (0, 4, 7)
