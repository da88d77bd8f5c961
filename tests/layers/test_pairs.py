"""Every score with every alignment: padding is not seen, steps equal all at once."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

# JAX would compile every operation of every pair.
pytestmark = pytest.mark.tensorflow_only

# Twice as many heads in the score for `mocha`.
HEADS, DEPTH = 2, 8
PAIRS = [
    (s, a)
    for s in ka.scores.names()
    for a in ka.alignments.names()
    if a != "exp" or s in ka.scores.registry.names(log_weights=True)
]
# Every score with a few alignments, every alignment with a few scores: those that
# bring a state and those that do not. `make test-mechanisms` runs the others too.
_FEW_SCORES = ("general", "coverage", "gmm_v2")
_FEW_ALIGNMENTS = ("softmax", "local_m", "mocha", "forward_transition")


def _marked(score, alignment):
    few = score in _FEW_SCORES or alignment in _FEW_ALIGNMENTS
    return pytest.param(score, alignment, marks=() if few else pytest.mark.mechanisms)


PAIRS = [_marked(*names) for names in PAIRS]


def pair(score, alignment):
    layer = ka.Attention(
        ka.scores.get(score, **cases.ENTRIES["score"][score].small),
        ka.alignments.get(alignment, **cases.ENTRIES["alignment"][alignment].small),
        num_heads=HEADS,
    )
    random = np.random.default_rng(7)
    query = random.normal(size=(cases.B, cases.T, DEPTH)).astype("float32")
    value = random.normal(size=(cases.B, cases.S, DEPTH)).astype("float32")
    layer.build(query.shape, value.shape)
    return randomize(layer), query, value


@pytest.mark.parametrize("score, alignment", PAIRS)
def test_padding_and_steps(score, alignment):
    layer, query, value = pair(score, alignment)
    query_mask, mask = cases.masks()
    value[~mask] = np.nan
    query[~query_mask] = np.nan
    arguments = {"query_mask": query_mask, "return_attention_scores": True}
    context, weights = map(to_numpy, layer(query, value, value_mask=mask, **arguments))
    assert np.isfinite(context).all() and (weights >= 0).all()
    assert np.all(weights[2] == 0) and np.all(context[2] == 0)
    seen = np.broadcast_to(mask[:, None, None], weights.shape)
    assert np.all(weights[~seen] == 0)

    wider = np.concatenate([value, np.full_like(value[:, :2], np.nan)], axis=1)
    longer = np.concatenate([mask, np.zeros_like(mask[:, :2])], axis=1)
    padded = layer(query, wider, value_mask=longer, **arguments)
    assert_allclose(to_numpy(padded[0]), context, atol=1e-6)
    assert_allclose(to_numpy(padded[1])[..., : cases.S], weights, atol=1e-6)

    query = np.nan_to_num(query)
    context, weights = map(
        to_numpy,
        layer(query, value, value_mask=mask, return_attention_scores=True),
    )
    memory = layer.precompute(value, value_mask=mask)
    state = layer.initial_state(memory)
    for t in range(cases.T):
        one, row, state = layer.step(query[:, t], memory, state)
        assert_allclose(to_numpy(one), context[:, t], atol=2e-6)
        assert_allclose(to_numpy(row), weights[:, :, t], atol=2e-6)
