"""The pointer-generator against the paper's equation."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.decoder.source_outputs.copying import extend_source, extend_target
from tests.layers.gradients import BACKEND, EXACT, directional_differences, to_numpy
from tests.reference.copying import final_distribution

B, T, S, V, E = 3, 2, 5, 6, 3
RANDOM = np.random.default_rng(9)
LOGITS = RANDOM.normal(size=(B, T, V))
GATE = RANDOM.normal(size=(B, T, 1))
# Twice the same word, padding, an id for which there is no room.
IDS = np.array([[7, 4, 7, 4, 2], [6, 8, 2, 0, 0], [99, 5, 8, 2, 0]])
WEIGHTS = RANDOM.uniform(0.1, 1.0, size=(B, T, S)) * (IDS != 0)[:, None]
WEIGHTS /= WEIGHTS.sum(-1, keepdims=True)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _call(layer, logits=LOGITS, weights=WEIGHTS, ids=IDS, gate=GATE, dtype="float32"):
    floats = [np.asarray(x, dtype) for x in (logits, weights, gate)]
    return layer(floats[0], floats[1], ids, floats[2])


def test_equation():
    got = to_numpy(_call(ka.CopyGenerator(E)))
    wanted = final_distribution(LOGITS, WEIGHTS, IDS, _sigmoid(GATE[..., 0]), E)
    assert got.shape == (B, T, V + E)
    assert_allclose(wanted.sum(-1), 1.0)
    assert np.any(wanted == 0)  # words that this source has not
    assert_allclose(np.exp(got), wanted, rtol=1e-5, atol=1e-7)


def test_weights_that_are_missing_go_to_the_vocabulary():
    weights = WEIGHTS.copy()
    weights[0] *= 0.25
    weights[1] = 0.0
    got = np.exp(to_numpy(_call(ka.CopyGenerator(E), weights=weights)))
    wanted = final_distribution(LOGITS, weights, IDS, _sigmoid(GATE[..., 0]), E)
    assert_allclose(got, wanted, rtol=1e-5, atol=1e-7)
    assert_allclose(got.sum(-1), 1.0, rtol=1e-5)


def test_heads_are_averaged():
    heads = np.stack([WEIGHTS, WEIGHTS[:, ::-1]], axis=1)
    got = to_numpy(_call(ka.CopyGenerator(E), weights=heads))
    wanted = to_numpy(_call(ka.CopyGenerator(E), weights=heads.mean(1)))
    assert_allclose(got, wanted, rtol=1e-5)


def test_without_extra_ids_and_in_half_precision():
    ids = np.minimum(IDS, V - 1)
    half = [ops.cast(x, "float16") for x in (LOGITS, WEIGHTS, GATE)]
    layer = ka.CopyGenerator(0, dtype="mixed_float16")
    got = layer(half[0], half[1], ids, half[2])
    assert keras.backend.standardize_dtype(got.dtype) == "float32"
    wanted = final_distribution(LOGITS, WEIGHTS, ids, _sigmoid(GATE[..., 0]), 0)
    assert_allclose(np.exp(to_numpy(got)), wanted, atol=3e-3)


def test_columns_without_weight_and_neighbours_do_not_matter():
    layer = ka.CopyGenerator(E)
    wanted = to_numpy(_call(layer))
    wide = np.pad(WEIGHTS, ((0, 0), (0, 0), (0, 4)))
    ids = np.pad(IDS, ((0, 0), (0, 4)), constant_values=5)
    assert_allclose(to_numpy(_call(layer, weights=wide, ids=ids)), wanted, rtol=1e-5)
    for row in range(B):
        rows = slice(row, row + 1)
        alone = _call(layer, LOGITS[rows], WEIGHTS[rows], IDS[rows], GATE[rows])
        assert_allclose(to_numpy(alone), wanted[rows], rtol=1e-5)


def test_gradient():
    layer = ka.CopyGenerator(E, dtype=EXACT)
    labels = np.array([[7, 4], [8, 1], [3, 8]])
    loss = ka.losses.MaskedCrossentropy()

    def run(logits, energies, gate):
        weights = ops.softmax(energies, axis=-1) * 0.9  # some of it is missing
        return loss(labels, layer(logits, weights, IDS, gate))

    energies = np.random.default_rng(3).normal(size=(B, T, S))
    arrays = [x.astype(EXACT) for x in (LOGITS, energies, GATE)]
    tolerance = 1e-6 if EXACT == "float64" else 2e-2
    for analytic, numeric in directional_differences(run, arrays):
        assert abs(analytic) > 1e-4
        assert_allclose(analytic, numeric, rtol=tolerance, atol=1e-9)


def test_a_model_learns_to_copy_words_that_it_cannot_know(tmp_path):
    # One of three words is marked; it is the answer, and never in the vocabulary.
    random = np.random.default_rng(1)
    rows, places = 96, random.integers(0, 3, size=96)
    ids = V + np.argsort(random.uniform(size=(rows, E)), axis=1)
    marks = np.eye(3, dtype="float32")[places][..., None]
    marks = np.concatenate([marks, random.normal(size=marks.shape)], -1)
    labels = ids[np.arange(rows), places][:, None]
    data = [marks.astype("float32"), ids, np.ones((rows, 1, 2), "float32")]

    value, query = keras.Input((None, 2)), keras.Input((None, 2))
    extended = keras.Input((None,), dtype="int32")
    context, weights = ka.BahdanauAttention(8)(
        query, value, return_attention_scores=True
    )
    logits = keras.layers.Dense(V)(context)
    gate = keras.layers.Dense(1)(context)
    copy = ka.CopyGenerator(E)(logits, weights, extended, gate)
    model = keras.Model([value, extended, query], copy)
    model.compile(
        keras.optimizers.Adam(0.05),
        ka.losses.MaskedCrossentropy(),
        jit_compile=BACKEND == "jax",
    )
    model.fit(data, labels, batch_size=32, epochs=25, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    said = to_numpy(again(data))[:, 0].argmax(-1)
    assert np.mean(said == labels[:, 0]) > 0.95
    assert_allclose(to_numpy(again(data)), to_numpy(model(data)), rtol=1e-5)


@pytest.mark.tensorflow_only
def test_xla_and_graphs_of_any_size():
    import tensorflow as tf

    layer = ka.CopyGenerator(E)
    wanted = to_numpy(_call(layer))
    floats = [tf.constant(x, "float32") for x in (LOGITS, WEIGHTS, GATE)]
    xla = tf.function(layer.__call__, jit_compile=True)
    got = xla(floats[0], floats[1], tf.constant(IDS), floats[2])
    assert_allclose(got.numpy(), wanted, rtol=1e-5)
    graph = tf.function(layer.__call__).get_concrete_function(
        tf.TensorSpec([None, None, V]),
        tf.TensorSpec([None, None, None]),
        tf.TensorSpec([None, None], "int64"),
        tf.TensorSpec([None, None, 1]),
    )
    got = graph(floats[0], floats[1], tf.constant(IDS, "int64"), floats[2])
    assert_allclose(got.numpy(), wanted, rtol=1e-5)
    none = [x[:0] for x in (floats[0], floats[1], tf.constant(IDS, "int64"), floats[2])]
    assert graph(*none).shape == (0, T, V + E)


def test_extended_ids():
    known = {"a": 4, "b": 5}
    ids, words = extend_source(["x", "a", "y", "x", "z", "b"], known, V)
    assert ids == [6, 4, 7, 6, 8, 5]
    assert words == ["x", "y", "z"]
    target = ["z", "b", "w", "y"]
    assert extend_target(target, words, known, V) == [8, 5, 3, 7]
    assert extend_target(target, words, known, V, unknown_id=2, extra_ids=2) == [
        *(2, 5, 2, 7)
    ]
    assert extend_source([], known, V) == ([], [])


BAD = {
    "extra": (ValueError, "Received: extra_ids=-1", lambda: ka.CopyGenerator(-1)),
    "unknown": (
        ValueError,
        "Expected: less than 6. Received: unknown_id=6",
        lambda: _call(ka.CopyGenerator(E, unknown_id=6)),
    ),
    "logits": (
        ValueError,
        r"Received: logits of shape \(3, 6\)",
        lambda: _call(ka.CopyGenerator(E), logits=LOGITS[:, 0]),
    ),
    "gate": (
        ValueError,
        r"Received: gate of shape \(3, 2, 2\)",
        lambda: _call(ka.CopyGenerator(E), gate=np.repeat(GATE, 2, -1)),
    ),
    "lengths": (
        ValueError,
        "Expected: 5. Received: 4",
        lambda: _call(ka.CopyGenerator(E), ids=IDS[:, 1:]),
    ),
    "dtype": (
        TypeError,
        "`source_ids` must be integers",
        lambda: _call(ka.CopyGenerator(E), ids=IDS.astype("float32")),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    error, message, call = BAD[name]
    with pytest.raises(error, match=message):
        call()
