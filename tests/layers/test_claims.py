"""Claims of scores and alignments: each attribute that one sets is true of it."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.attention.linear_time_monotonic import MonotonicPosition
from tests.layers import cases
from tests.layers.cases import ENTRIES, B, D, S, T
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

RANDOM = np.random.default_rng(4)
QUERY = RANDOM.normal(size=(B, T, D)).astype("float32")
KEY = RANDOM.normal(size=(B, S, D)).astype("float32")
MASK = np.ones((B, S), bool)


def _score(name, **options):
    score = ka.scores.get(name, **ENTRIES["score"][name].small, **options)
    score.build(QUERY.shape, KEY.shape)
    return randomize(score)


def _pairwise(score):
    """Whether each key alone, as it is or out of all, has the energy it has there."""
    keys = score.precompute(KEY)
    if keras.tree.flatten(score.initial_state(keys, MASK)):
        return False
    found = to_numpy(score.energies(QUERY, keys, ()))
    for position in (0, S - 1):
        one = slice(position, position + 1)
        alone = score.precompute(KEY[:, one])
        taken = to_numpy(keys)[..., one, :]
        for form in (alone, ops.convert_to_tensor(taken.astype("float32"))):
            energies = to_numpy(score.energies(QUERY, form, ()))
            if np.abs(energies - found[..., one]).max() > 1e-5:
                return False
    return True


@pytest.mark.parametrize("name", ka.scores.names())
def test_pairwise(name):
    score = _score(name)
    assert score.pairwise == _pairwise(score)


# The query's side keeps its keys as they are.
@pytest.mark.parametrize(
    "name, options",
    [
        *[(name, {}) for name in ka.scores.registry.names(pairwise=True)],
        ("general", {"side": "query"}),
    ],
)
def test_a_walk_asks_about_one_key_at_a_time(name, options):
    attention = ka.Attention(ka.scores.get(name, **options), "monotonic")
    attention.build(QUERY.shape, KEY.shape)
    randomize(attention, scale=1.5)
    memory = attention.precompute(KEY)
    walking = ka.WalkingAttention(attention, memory)
    nothing = ops.zeros((B,), "int32")
    state = attention.initial_state(memory)
    walked = ka.AttentionState((), MonotonicPosition(nothing, nothing))
    for t in range(T):
        query = ops.convert_to_tensor(QUERY[:, t])
        context, wanted, state = attention.step(query, memory, state)
        found, weights, walked = walking.advance(query, memory, walked)
        assert_allclose(to_numpy(weights)[:, 0], to_numpy(wanted))
        assert_allclose(to_numpy(found), to_numpy(context), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ka.scores.registry.names(log_weights=True))
def test_log_weights(name):
    # An oracle that does not normalise, and nothing that a key could blow up.
    unnormalised = (name, "exp")
    assert any(case.of[:2] == unnormalised for case in cases.ATTENTIONS.values())
    score, sums = _score(name), []
    for keys in (KEY, 1e4 * KEY):
        memory = score.precompute(keys)
        state = score.initial_state(memory, MASK)
        energies = to_numpy(score.energies(QUERY[:, :1], memory, state))
        sums.append(np.exp(energies).sum(-1))
    assert np.isfinite(sums).all()
    assert_allclose(*sums, rtol=1e-5)


def _alignment(name):
    alignment = ka.alignments.get(name, **ENTRIES["alignment"][name].small)
    alignment.with_heads(2).build_for(QUERY.shape, KEY.shape)
    return randomize(alignment)


def _energies(heads=2):
    energies = np.random.default_rng(1).normal(size=(B, heads, 1, S))
    return ops.convert_to_tensor(energies.astype("float32"))


@pytest.mark.parametrize("name", ka.alignments.registry.names(masks_by_head=True))
def test_masks_by_head(name):
    alignment, energies, query = _alignment(name), _energies(), QUERY[:, :1]
    assert alignment.initial_state(MASK, 2) == ()
    mask = np.random.default_rng(2).random((B, 2, S)) < 0.6
    mask[..., 1] = True
    found = to_numpy(alignment.align(energies, mask, query, ()))
    for b, h in np.ndindex(B, 2):
        valid = mask[b, h]
        # What does not count is not there: the others are a row of their own.
        rows = to_numpy(energies)[b : b + 1, :, :, valid].astype("float32")
        alone = alignment.align(rows, MASK[:1, : valid.sum()], query[:1], ())
        assert_allclose(found[b, h, 0, valid], to_numpy(alone)[0, h, 0], atol=1e-6)
        assert (found[b, h, 0, ~valid] == 0).all()


@pytest.mark.parametrize("name", ka.alignments.names())
def test_needs_log_weights(name):
    alignment = _alignment(name)
    heads = 2 * alignment.energies_per_head
    state, energies = alignment.initial_state(MASK, 2), _energies(heads)
    query = QUERY[:, :1]
    weights, doubled = (
        to_numpy(alignment.advance(x, MASK, query, state)[0])
        for x in (energies, energies + np.log(2.0))
    )
    assert weights.shape == (B, 2, 1, S)
    twice = np.allclose(doubled, 2 * weights, rtol=1e-5) and weights.any()
    assert alignment.needs_log_weights == twice


@pytest.mark.parametrize("name", ka.alignments.names())
def test_energies_per_head(name):
    alignment = _alignment(name)
    count = alignment.energies_per_head
    state, query = alignment.initial_state(MASK, 2), QUERY[:, :1]
    energies = _energies(2 * count)
    plain = to_numpy(alignment.advance(energies, MASK, query, state, True)[0])
    for kind in range(1, count):
        other = to_numpy(energies).astype("float32")
        other[:, 2 * kind : 2 * kind + 2] *= np.arange(S)
        changed = to_numpy(alignment.advance(other, MASK, query, state, True)[0])
        assert np.abs(changed - plain).max() > 1e-4
