"""What alignments promise beyond the rules that all of them are held to."""

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases
from tests.layers.gradients import to_numpy
from tests.reference import alignments as oracle


def align(name, energies, mask=None, **options):
    """Weights of ``[N, S]`` energies."""
    alignment = ka.alignments.get(name, **options)
    energies = np.asarray(energies, "float32")
    if mask is None:
        mask = np.ones(energies.shape, bool)
    if not alignment.built:
        alignment.build((None, None, 2))
    query = np.zeros((len(energies), 1, 2), "float32")
    return to_numpy(alignment(energies[:, None, None], mask, query))[:, 0, 0]


# An implementation that shares nothing with ours. Keras 3.15 adds up the sums of the
# highest energies, of one, of two, up to the support's, where the last alone is meant.
# Moving a whole row changes no weight: we move it to where the others add up to 0.
@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_sparsemax_is_that_of_keras(scale):
    energies = scale * np.random.default_rng(0).normal(size=(60, 9))
    ours = align("sparsemax", energies)
    support = (ours > 0).sum(-1)
    sums = np.cumsum(-np.sort(-energies), axis=-1)
    before = np.arange(1, 10) < support[:, None]
    shift = (sums * before).sum(-1) / np.maximum(support * (support - 1) / 2, 1)
    moved = (energies - shift[:, None]).astype("float32")
    assert_allclose(ours, to_numpy(ops.sparsemax(moved)), atol=2e-6)
    assert_allclose(ours.sum(-1), 1, atol=1e-6)
    assert len(set(support)) >= 3 and (support > 1).sum() >= 20


# Peters, Niculae & Martins 2019, figure 3: two energies [t, 0]. Below alpha = 1 + 1/x
# the pair is [1, 0] from t = 1 / (alpha - 1) on.
@pytest.mark.parametrize("alpha", [1.2, 1.5, 2.0, 3.0])
def test_two_energies_saturate_where_the_paper_says(alpha):
    edge = 1 / (alpha - 1)
    before, after = align("entmax", [[0.98 * edge, 0], [edge, 0]], alpha=alpha)
    assert before[1] > 0
    assert_allclose(after, [1, 0], atol=1e-6)


# Martins & Astudillo 2016, proposition 1 by hand; 1.5-entmax by solving the quadratic:
# e/2 = [1/2, 1/4, -1/2], support of two: tau = 3/8 - sqrt((1 - 1/32) / 2).
def test_numbers_worked_out_by_hand():
    assert_allclose(align("sparsemax", [[1, 0.5, -1]])[0], [0.75, 0.25, 0], atol=1e-6)
    tau = 3 / 8 - np.sqrt((1 - 1 / 32) / 2)
    assert_allclose(
        align("entmax15", [[1, 0.5, -1]])[0],
        [(1 / 2 - tau) ** 2, (1 / 4 - tau) ** 2, 0],
        atol=1e-6,
    )


# Numbers that the README of deep-spin/entmax prints, to four digits.
@pytest.mark.parametrize(
    "name, published",
    [
        ("softmax", [0.0486, 0.3592, 0.5922]),
        ("sparsemax", [0.0, 0.25, 0.75]),
        ("entmax15", [0.0, 0.3260, 0.6740]),
    ],
)
def test_published_numbers(name, published):
    assert_allclose(align(name, [[-2.0, 0.0, 0.5]])[0], published, atol=5e-5)


@pytest.mark.parametrize("name, alpha", [("sparsemax", 2.0), ("entmax15", 1.5)])
def test_sorting_and_halving_agree(name, alpha):
    energies = np.random.default_rng(1).normal(size=(50, 17)) * 4
    assert_allclose(
        align(name, energies), align("entmax", energies, alpha=alpha), atol=2e-6
    )


@pytest.mark.parametrize("name", ["sparsemax", "entmax15", "entmax", "sigmoid"])
def test_long_rows_and_extreme_energies_sum_to_one(name):
    random = np.random.default_rng(2)
    for scale in (1e-6, 1.0, 1e4, 1e30):
        weights = align(name, scale * random.normal(size=(3, 1000)))
        assert np.isfinite(weights).all()
        assert_allclose(weights.sum(-1), 1, atol=1e-4)


def test_equal_energies_share_evenly():
    for name in ("sparsemax", "entmax15", "entmax", "sigmoid", "softmax"):
        assert_allclose(align(name, np.zeros((1, 7))), np.full((1, 7), 1 / 7), 1e-5)


def test_low_sigmoids_are_still_weighed():
    # 0/0 by the formula in float32.
    energies = [[-200.0, -201.0, -300.0]]
    assert_allclose(
        align("sigmoid", energies)[0], oracle.sigmoid(energies[0]), 1e-5, 1e-30
    )


def test_hard_takes_the_first_of_equals_and_no_padding():
    mask = np.array([[1, 1, 1], [0, 1, 1]], bool)
    weights = align("hard", [[1, 5, 5], [9, 1, 1]], mask)
    assert weights.tolist() == [[0, 1, 0], [0, 1, 0]]


def test_local_p_knows_the_length_of_a_row_not_of_the_batch():
    query, value, key = (x.astype("float32") for x in cases.inputs("local_p"))
    layer = cases.ATTENTIONS["local_p"].make()
    layer.build(query.shape, value.shape, key.shape)
    alone = layer(query, value[:, :3], key[:, :3], return_attention_scores=True)[1]
    mask = np.arange(value.shape[1]) < 3
    mask = np.broadcast_to(mask, value.shape[:2])
    padded = layer(query, value, key, value_mask=mask, return_attention_scores=True)[1]
    assert_allclose(to_numpy(padded)[..., :3], to_numpy(alone), atol=1e-6)


def test_local_m_is_the_same_for_padding_on_either_side():
    query, value, key = (x.astype("float32") for x in cases.inputs("local_m"))
    layer = cases.ATTENTIONS["local_m"].make()
    layer.build(query.shape, value.shape, key.shape)
    rolled = [np.roll(x, 2, axis=1) for x in (value, key)]
    right = np.broadcast_to(np.arange(5) < 3, value.shape[:2])
    wanted = to_numpy(layer(query, value, key, value_mask=right))
    left = to_numpy(layer(query, *rolled, value_mask=np.roll(right, 2, axis=1)))
    assert_allclose(left, wanted, atol=1e-6)
    assert np.all(wanted[:, -1] == 0) or wanted.shape[1] <= 4
