"""What scores promise beyond the rules that all of them are held to."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import to_numpy, value_and_gradients
from tests.layers.weights import randomize, variable

RANDOM = np.random.default_rng(4)
QUERY = RANDOM.normal(size=(2, 3, 4)).astype("float32")
VALUE = RANDOM.normal(size=(2, 5, 6)).astype("float32")


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_a_normalised_v_of_length_zero_has_no_opinion(dtype):
    layer = ka.BahdanauAttention(4, normalize=True, dtype=dtype)
    layer.build(QUERY.shape, VALUE.shape)
    randomize(layer)
    variable(layer, "v").assign(np.zeros(4))

    def loss(query):
        context, weights = layer(query, VALUE, return_attention_scores=True)
        return ops.sum(ops.sin(ops.cast(context, "float32"))) + ops.sum(
            ops.cast(weights[0, 0, 0], "float32")
        )

    _, weights = layer(QUERY, VALUE, return_attention_scores=True)
    assert_allclose(to_numpy(weights), 0.2, atol=1e-3)
    found = value_and_gradients(loss, [QUERY], layer.trainable_variables)
    assert all(np.isfinite(x).all() for x in keras.tree.flatten(found))


@pytest.mark.parametrize("heads", [1, 2])
def test_the_general_score_is_the_same_on_either_side(heads):
    sides = {
        side: ka.LuongAttention(side=side, scale="learned", num_heads=heads)
        for side in ("memory", "query")
    }
    for layer in sides.values():
        layer.build(QUERY.shape, VALUE.shape)
    randomize(sides["memory"])
    sides["query"].set_weights(sides["memory"].get_weights())
    answers = [
        to_numpy(layer(QUERY, VALUE, return_attention_scores=True))
        for layer in sides.values()
    ]
    for one, other in zip(*answers, strict=True):
        assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    # What is made once for a sentence, and what is left of it for every step.
    depths = [tuple(x.precompute(VALUE).keys.shape)[-1] for x in sides.values()]
    assert depths == [4 // heads, 6]


def test_the_side_of_the_general_score_was_not_always_there():
    config = ka.scores.get("general").get_config()
    del config["side"]  # what was saved before there was one
    assert ka.scores.GeneralScore.from_config(config).side == "memory"
    with pytest.raises(ValueError, match='`side` is for score="general" only'):
        ka.LuongAttention("dot", side="query")
