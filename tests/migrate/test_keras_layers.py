"""Keras' own attention layers beside what they become."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention import migrate
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

LAYERS = {
    "additive": (keras.layers.AdditiveAttention, {}),
    "additive_plain": (keras.layers.AdditiveAttention, {"use_scale": False}),
    "dot": (keras.layers.Attention, {"use_scale": True}),
    "dot_plain": (keras.layers.Attention, {}),
    "concat": (keras.layers.Attention, {"score_mode": "concat", "use_scale": True}),
    "concat_plain": (keras.layers.Attention, {"score_mode": "concat"}),
}


def _ours(name):
    if name.startswith("dot"):
        return ka.LuongAttention("dot", scale="learned" if name == "dot" else None)
    return ka.BahdanauAttention(units=4)


@pytest.mark.parametrize("name", LAYERS)
def test_same_context_and_weights(name):
    random = np.random.default_rng(0)
    query = random.normal(size=(2, 3, 4)).astype("float32")
    value = random.normal(size=(2, 5, 4)).astype("float32")
    mask = np.arange(5) < np.asarray([[5], [3]])
    make, options = LAYERS[name]
    theirs, ours = make(**options), _ours(name)
    theirs([query, value])
    ours(query, value)
    randomize(theirs)
    arrays = {v.path: to_numpy(v) for v in theirs.weights}
    assert migrate.keras_layer(arrays, randomize(ours)) == []
    wanted = theirs([query, value], [None, mask], return_attention_scores=True)
    got = ours(query, value, value_mask=mask, return_attention_scores=True)
    for a, b in zip(to_numpy(got), to_numpy(wanted), strict=True):
        assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    "attention",
    [
        ka.BahdanauAttention(5),
        ka.BahdanauAttention(4, layer_normalize=True),
        ka.LuongAttention("general"),
    ],
)
def test_layers_that_can_be_no_such_thing_are_refused(attention):
    attention.build((2, 3, 4), (2, 5, 4))
    with pytest.raises(ValueError, match="must be .* Received"):
        migrate.keras_layer({"scale": np.ones(4)}, attention)
