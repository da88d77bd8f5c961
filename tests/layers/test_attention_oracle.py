"""Every attention against the papers' equations, with masks, heads and dtypes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.layers.cases import ATTENTIONS, HEADS, inputs, masks
from tests.layers.gradients import EXACT, to_numpy
from tests.layers.weights import randomize

TOLERANCE = {
    "float32": {"rtol": 1e-5, "atol": 1e-6},
    "float64": {"rtol": 1e-10, "atol": 1e-12},
}


def _built(name, heads, dtype):
    query, value, key = (x.astype(dtype) for x in inputs(name))
    layer = ATTENTIONS[name].make(num_heads=heads, dtype=dtype)
    layer.build(query.shape, value.shape, key.shape)
    randomize(layer)
    return layer, query, value, key


@pytest.mark.parametrize("dtype", sorted({"float32", EXACT}))
@pytest.mark.parametrize("name, heads", HEADS)
def test_equations(name, heads, dtype):
    layer, query, value, key = _built(name, heads, dtype)
    query_mask, value_mask = masks()
    for selected in [(None, None), (query_mask, value_mask)]:
        context, weights = layer(
            query,
            value,
            key,
            query_mask=selected[0],
            value_mask=selected[1],
            return_attention_scores=True,
        )
        wanted = ATTENTIONS[name].expected(
            layer, query, key, value, selected[1], selected[0], heads
        )
        expected_weights = wanted[1][:, 0] if heads == 1 else wanted[1]
        # Weights that are not normalised, up to 100, round sums of values as coarsely.
        rounding = dict(TOLERANCE[dtype])
        rounding["atol"] *= max(1.0, np.abs(expected_weights).max())
        assert_allclose(to_numpy(context), wanted[0], **rounding)
        assert_allclose(to_numpy(weights), expected_weights, **TOLERANCE[dtype])


@pytest.mark.parametrize("name, heads", HEADS)
def test_a_single_query_has_no_time_axis(name, heads):
    layer, query, value, key = _built(name, heads, "float32")
    query_mask, value_mask = masks()
    context, weights = layer(
        query[:, 1],
        value,
        key,
        query_mask=query_mask[:, 1],
        value_mask=value_mask,
        return_attention_scores=True,
    )
    one, mask = query[:, 1:2], query_mask[:, 1:2]
    wanted = ATTENTIONS[name].expected(layer, one, key, value, value_mask, mask, heads)
    expected_weights = wanted[1][:, 0, 0] if heads == 1 else wanted[1][:, :, 0]
    assert tuple(weights.shape) == expected_weights.shape
    assert_allclose(to_numpy(context), wanted[0][:, 0], **TOLERANCE["float32"])
    assert_allclose(to_numpy(weights), expected_weights, **TOLERANCE["float32"])


@pytest.mark.parametrize("name", ["bahdanau", "luong_general"])
def test_key_defaults_to_value(name):
    query, value, _ = inputs(name)
    layer = ATTENTIONS[name].make()
    layer.build(query.shape, value.shape)
    given, default = layer(query, value, value), layer(query, value)
    assert_allclose(to_numpy(default), to_numpy(given), rtol=1e-6)


@pytest.mark.parametrize("name", ["bahdanau", "luong_dot"])
def test_integer_masks_are_cast(name):
    layer, query, value, key = _built(name, 1, "float32")
    query_mask, value_mask = masks()
    wanted = layer(query, value, key, query_mask=query_mask, value_mask=value_mask)
    got = layer(
        query,
        value,
        key,
        query_mask=query_mask.astype("int32"),
        value_mask=value_mask.astype("int64"),
    )
    assert_allclose(to_numpy(got), to_numpy(wanted), rtol=0)


@pytest.mark.parametrize("name", ["bahdanau", "luong_dot", "luong_general"])
def test_huge_energies_do_not_reach_masked_positions(name):
    layer, query, value, key = _built(name, 1, "float32")
    _, value_mask = masks()
    key = np.where(value_mask[:, :, None], key, 1e30).astype("float32")
    _, weights = layer(
        query, value, key, value_mask=value_mask, return_attention_scores=True
    )
    got = to_numpy(weights)
    assert np.all(got[~np.broadcast_to(value_mask[:, None], got.shape)] == 0)
    sums = np.broadcast_to(value_mask.any(1)[:, None], got.shape[:2])
    assert_allclose(got.sum(-1), sums.astype(float), atol=1e-6)
