"""Self-attention pooling against the papers' equations."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.attention.pooling import structured_penalty
from tests.layers.gradients import BACKEND, EXACT, directional_differences, to_numpy
from tests.layers.test_padding import POLICIES, compare
from tests.layers.weights import randomize
from tests.reference import pooling as oracle

B, S, D, U = 3, 5, 4, 6
MASK = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
VALUE = np.random.default_rng(5).normal(size=(B, S, D))


def _pooling(**options):
    layer = ka.AttentionPooling(U, **options)
    layer.build((None, None, D))
    return randomize(layer)


@pytest.mark.parametrize("alignment", ["softmax", "sparsemax"])
@pytest.mark.parametrize("use_bias", [False, True], ids=["lin", "yang"])
@pytest.mark.parametrize("num_hops", [None, 1, 3])
def test_equation(num_hops, use_bias, alignment):
    layer = _pooling(
        num_hops=num_hops, use_bias=use_bias, alignment=alignment, dtype=EXACT
    )
    pooled, weights = layer(
        VALUE.astype(EXACT), value_mask=MASK, return_attention_scores=True
    )
    wanted, wanted_weights = oracle.pool(
        VALUE,
        MASK,
        to_numpy(layer.hidden.kernel),
        to_numpy(layer.queries),
        to_numpy(layer.hidden.bias) if use_bias else 0.0,
        getattr(oracle, alignment),
    )
    if num_hops is None:
        wanted, wanted_weights = wanted[:, 0], wanted_weights[:, 0]
    assert pooled.shape == wanted.shape
    assert_allclose(to_numpy(pooled), wanted, atol=1e-6)
    assert_allclose(to_numpy(weights), wanted_weights, atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_padding_cannot_be_seen(policy):
    layer = _pooling(num_hops=3, use_bias=True, dtype=policy)
    value = VALUE.astype("float32")
    value[~MASK] = np.nan

    def run(mask, value):
        return layer(value, value_mask=mask, return_attention_scores=True)

    (pooled, weights), _, _ = compare(
        run, [value], (0,), MASK, layer.trainable_variables, POLICIES[policy]
    )
    assert np.all(pooled[2] == 0) and np.all(weights[2] == 0)


def test_gradient_with_penalty():
    layer = _pooling(num_hops=3, use_bias=True, dtype=EXACT)
    factors = np.random.default_rng(2).normal(size=(B, 3, D))

    def run(value):
        pooled, weights = layer(value, value_mask=MASK, return_attention_scores=True)
        penalty = structured_penalty(weights, ops.convert_to_tensor(MASK))
        return ops.sum(pooled * ops.cast(factors, EXACT)) + penalty

    tolerance = 1e-6 if EXACT == "float64" else 2e-2
    pairs = directional_differences(
        run, [VALUE.astype(EXACT)], layer.trainable_variables
    )
    assert len(pairs) == 4
    for analytic, numeric in pairs:
        assert_allclose(analytic, numeric, rtol=tolerance, atol=tolerance)


def test_penalty_is_the_papers():
    layer = _pooling(num_hops=3, penalty=0.25)
    _, weights = layer(
        VALUE.astype("float32"), value_mask=MASK, return_attention_scores=True
    )
    (loss,) = layer.losses
    wanted = oracle.penalty(to_numpy(weights), MASK)
    assert wanted > 0.1
    assert_allclose(to_numpy(loss), 0.25 * wanted, rtol=1e-5)


def test_a_mask_that_travels_is_found_and_ends_here():
    ids = np.array([[3, 4, 0], [5, 0, 0]])
    embedded = keras.layers.Embedding(6, D, mask_zero=True)(ids)
    layer = _pooling()
    pooled = layer(embedded)
    assert_allclose(
        to_numpy(pooled), to_numpy(layer(embedded, value_mask=ids != 0)), rtol=1e-6
    )
    assert getattr(pooled, "_keras_mask", None) is None


def test_a_model_trains_is_saved_and_loads(tmp_path):
    value, mask = keras.Input((None, D)), keras.Input((None,), dtype="bool")
    layer = ka.AttentionPooling(
        U, 2, penalty=0.1, use_bias=True, alignment="entmax15", dropout=0.1, seed=3
    )
    # First plain, then with its weights: both stay connected.
    pooled = layer(value, value_mask=mask)
    _, weights = layer(value, value_mask=mask, return_attention_scores=True)
    answer = keras.layers.Dense(1)(keras.layers.Flatten()(pooled))
    model = keras.Model([value, mask], answer)
    data = [VALUE.astype("float32"), MASK]
    model.compile(keras.optimizers.Adam(0.05), "mse")
    losses = model.fit(data, VALUE[:, 0, 0], epochs=12, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    both = keras.Model(model.inputs, [model.output, weights])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_allclose(to_numpy(again(data)), to_numpy(model(data)), rtol=1e-6)
    assert to_numpy(both(data))[1].shape == (B, 2, S)
    config, wanted = again.layers[2].get_config(), layer.get_config()
    assert config.pop("alignment")["class_name"] == "Entmax15Alignment"
    del wanted["alignment"]
    assert config == wanted


def test_it_learns_where_to_look():
    # One position has a mark; what stands beside the mark is the answer.
    random = np.random.default_rng(0)
    value = random.normal(size=(256, 8, 3)).astype("float32")
    value[..., 0] = 0.0
    places = random.integers(0, 8, size=256)
    value[np.arange(256), places, 0] = 1.0
    inputs = keras.Input((None, 3))
    layer = ka.AttentionPooling(8)
    pooled, weights = layer(inputs, return_attention_scores=True)
    model = keras.Model(inputs, keras.layers.Dense(2)(pooled))
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=BACKEND == "jax")
    model.fit(value, value[np.arange(256), places, 1:], epochs=15, verbose=0)
    looked = to_numpy(keras.Model(inputs, weights)(value)).argmax(-1)
    assert np.mean(looked == places) > 0.95


BAD = {
    "units": ("Received: units=0", {"units": 0}),
    "num_hops": ("Received: num_hops=1.5", {"units": 2, "num_hops": 1.5}),
    "penalty": ("Received: penalty=-1", {"units": 2, "penalty": -1}),
    "alignment": ("Unknown alignment", {"units": 2, "alignment": "hardmaxx"}),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    message, arguments = BAD[name]
    with pytest.raises(ValueError, match=message):
        ka.AttentionPooling(**arguments)


def test_bad_rank():
    with pytest.raises(ValueError, match=r"rank 3. Received: value of shape \(3, 4\)"):
        ka.AttentionPooling(2)(VALUE[:, 0])
