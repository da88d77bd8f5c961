"""Keras' own attention layers, which have no projections, under identity kernels."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.cases import B, D, S, T
from tests.layers.gradients import to_numpy
from tests.layers.weights import variable

RANDOM = np.random.default_rng(21)
QUERY = RANDOM.normal(size=(B, T, D)).astype("float32")
VALUE = RANDOM.normal(size=(B, S, D)).astype("float32")
MASKS = {"no_mask": None, "mask": np.arange(S) < np.array([[5], [3], [1]])}


def _compare(ours, theirs, mask):
    context, weights = ours(QUERY, VALUE, value_mask=mask, return_attention_scores=True)
    wanted_context, wanted_weights = theirs(
        [QUERY, VALUE],
        mask=None if mask is None else [None, mask],
        return_attention_scores=True,
    )
    assert_allclose(to_numpy(context), to_numpy(wanted_context), atol=1e-6)
    assert_allclose(to_numpy(weights), to_numpy(wanted_weights), atol=1e-6)


@pytest.mark.parametrize("mask", MASKS)
def test_dot_is_keras_attention(mask):
    _compare(ka.LuongAttention("dot"), keras.layers.Attention(), MASKS[mask])


def test_learned_scale_is_keras_use_scale():
    ours, theirs = ka.LuongAttention("dot", scale="learned"), None
    ours.build(QUERY.shape, VALUE.shape)
    variable(ours, "g").assign(np.full(variable(ours, "g").shape, 0.3))
    theirs = keras.layers.Attention(use_scale=True)
    theirs.build([QUERY.shape, VALUE.shape])
    theirs.scale.assign(0.3)
    _compare(ours, theirs, None)


def test_general_with_identity_is_keras_attention():
    ours = ka.LuongAttention("general", kernel_initializer="identity")
    _compare(ours, keras.layers.Attention(), MASKS["mask"])


@pytest.mark.parametrize("mask", MASKS)
def test_additive_with_identity_is_keras_additive_attention(mask):
    ours = ka.BahdanauAttention(D)
    ours.build(QUERY.shape, VALUE.shape)
    theirs = keras.layers.AdditiveAttention()
    theirs.build([QUERY.shape, VALUE.shape])
    scale = RANDOM.normal(size=D)
    theirs.scale.assign(scale)
    variable(ours, "query/kernel").assign(np.eye(D))
    variable(ours, "key/kernel").assign(np.eye(D))
    variable(ours, "v").assign(scale)
    _compare(ours, theirs, MASKS[mask])


def test_numbers_of_keras_own_test():
    # additive_attention_test.py in Keras: use_scale=False, so v is all ones.
    query = np.array([[[1.0, 0.0], [0.0, 1.0]]], "float32")
    key = np.array([[[0.0, 1.0], [1.0, 0.0]]], "float32")
    value = np.array([[[1.0, 2.0], [3.0, 4.0]]], "float32")
    layer = ka.BahdanauAttention(2)
    layer.build(query.shape, value.shape, key.shape)
    variable(layer, "query/kernel").assign(np.eye(2))
    variable(layer, "key/kernel").assign(np.eye(2))
    variable(layer, "v").assign(np.ones(2))
    context, weights = layer(query, value, key, return_attention_scores=True)
    wanted = [[[0.636, 0.363], [0.363, 0.636]]]
    assert_allclose(to_numpy(weights), wanted, atol=1e-3)
    wanted = [[[1.727, 2.727], [2.272, 3.272]]]
    assert_allclose(to_numpy(context), wanted, atol=1e-3)
