"""What alignments promise beyond the rules that all of them are held to."""

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import cases
from tests.layers.gradients import outputs_and_gradients, to_numpy
from tests.layers.weights import randomize
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


# An implementation that shares nothing with ours. Keras 3.15 adds up the sums of all
# supports where the last one is meant, so that its weights sum to 1 only where one
# position has them all; `cases.py` has the paper's equation for the rest.
@pytest.mark.parametrize("seed", range(5))
def test_sparsemax_is_that_of_keras_where_that_sums_to_one(seed):
    energies = 3 * np.random.default_rng(seed).normal(size=(40, 9))
    theirs = to_numpy(ops.sparsemax(energies.astype("float32")))
    right = np.abs(theirs.sum(-1) - 1) < 1e-6
    assert right.sum() >= 5
    ours = align("sparsemax", energies)
    assert_allclose(ours[right], theirs[right], atol=1e-6)
    assert_allclose(ours.sum(-1), 1, atol=1e-6)


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


def test_hard_has_the_gradient_of_softmax():
    query, value, key = (x.astype("float32") for x in cases.inputs("hard"))
    found = {}
    for name in ("hard", "softmax"):
        layer = ka.Attention("general", name)
        layer.build(query.shape, value.shape, key.shape)
        randomize(layer)

        def run(query, value, key, layer=layer):
            return [layer(query, value, key, return_attention_scores=True)[1]]

        def loss(outputs):
            factors = np.random.default_rng(3).normal(size=outputs[0].shape)
            return ops.sum(outputs[0] * ops.convert_to_tensor(factors, "float32"))

        _, of_inputs, of_variables = outputs_and_gradients(
            run, loss, [query, value, key], layer.trainable_variables
        )
        found[name] = [of_inputs[0], of_inputs[2], *of_variables]
    for ours, wanted in zip(found["hard"], found["softmax"], strict=True):
        assert np.abs(wanted).max() > 1e-3
        assert_allclose(ours, wanted, rtol=1e-5, atol=1e-6)


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


@pytest.mark.parametrize(
    "name, options",
    [
        ("softmax", {"temperature": 0.0}),
        ("softmax", {"temperature": float("nan")}),
        ("entmax", {"alpha": 1.0}),
        ("entmax", {"alpha": -2}),
        ("local_m", {"window": -1}),
        ("local_m", {"window": 1.5}),
        ("local_p", {"window": 0}),
        ("local_p", {"units": 0}),
    ],
)
def test_bad_arguments(name, options):
    (argument, value), *_ = options.items()
    with pytest.raises(ValueError, match=f"`{argument}` must be .*{argument}={value}"):
        ka.alignments.get(name, **options)
