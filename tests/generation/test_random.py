"""The hash behind samples: uniform, and independent along every axis."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from keras_attention.generation.search import random_numbers
from tests.generation.chi_square import assert_plausible
from tests.layers.gradients import to_numpy


def uniform(seeds, slots=1, step=0, tokens=1):
    seeds = np.asarray(seeds, "int32")
    return to_numpy(random_numbers.uniform(seeds, slots, np.int32(step), tokens))


def consecutive(axis):
    """Pairs of numbers that are neighbours along one axis, `[N, 2]`."""
    if axis == "step":
        return np.stack([uniform(range(20000), step=t).ravel() for t in (4, 5)], -1)
    if axis == "seed":
        numbers = uniform(range(-10000, 10000)).ravel()
        return np.stack([numbers[:-1:2], numbers[1::2]], axis=-1)
    if axis == "slot":
        numbers = uniform(range(100), slots=200)[..., 0]
        return np.stack([numbers[:, :-1:2], numbers[:, 1::2]], -1).reshape(-1, 2)
    numbers = uniform(range(100), tokens=200)[:, 0]
    return np.stack([numbers[:, :-1:2], numbers[:, 1::2]], -1).reshape(-1, 2)


AXES = ["seed", "slot", "step", "token"]


def test_uniform():
    numbers = uniform(range(300), slots=5, step=3, tokens=100).ravel()
    assert_plausible(np.histogram(numbers, 64, (0.0, 1.0))[0], np.full(64, 1 / 64))
    # The lowest bits too.
    low = np.floor(numbers * 2.0**20).astype(int) % 64
    assert_plausible(np.bincount(low, minlength=64), np.full(64, 1 / 64))


@pytest.mark.parametrize("axis", AXES)
def test_neighbours_are_independent(axis):
    pairs = consecutive(axis)
    table, _, _ = np.histogram2d(*pairs.T, bins=8, range=[(0, 1), (0, 1)])
    assert_plausible(table.ravel(), np.full(64, 1 / 64))
    spread = np.corrcoef(pairs.T)[0, 1] * np.sqrt(len(pairs))
    assert abs(spread) < 4


def test_every_place_has_a_number_of_its_own():
    numbers = np.stack([uniform(range(-3, 3), 4, t, 5) for t in range(6)])
    assert len(np.unique(numbers)) == numbers.size


def test_never_zero_or_one():
    # Their hashes are within 2^8 of 2^32, where float32 would round up to 1.
    for seed, token in [(30120, 340), (38903, 120)]:
        number = uniform([seed], tokens=token + 1)[0, 0, token]
        assert 0.9999 < number < 1.0
    seeds = [30120, 0, -(2**31), 2**31 - 1]
    noise = to_numpy(
        random_numbers.gumbel(np.array(seeds, "int32"), 3, np.int32(0), 400)
    )
    assert np.isfinite(noise).all()


def test_gumbel_moments():
    noise = to_numpy(
        random_numbers.gumbel(np.arange(400, dtype="int32"), 5, np.int32(2), 50)
    )
    error = np.sqrt(noise.size)
    assert_allclose(noise.mean(), np.euler_gamma, atol=4 * np.pi / np.sqrt(6) / error)
    assert_allclose(noise.var(), np.pi**2 / 6, atol=4 * 3.5 / error)
