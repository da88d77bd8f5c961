"""Losses on attention weights against their papers' equations."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import (
    EXACT,
    directional_differences,
    to_numpy,
    value_and_gradients,
)
from tests.reference import losses as oracles

B, H, T, S = 4, 2, 5, 6
RANDOM = np.random.default_rng(23)
# Padding in both, a hole, and a row without a single valid pair.
TARGETS = np.array([[3, 4, 5, 6, 2], [3, 4, 2, 0, 0], [3, 0, 4, 2, 0], [0] * 5])
SOURCES = np.array(
    [[3, 4, 5, 6, 7, 2], [3, 2, 0, 0, 0, 0], [3, 4, 0, 5, 2, 0], [0] * 6]
)
VALID = ka.losses.valid_pairs(TARGETS, SOURCES)
GOLD = VALID * RANDOM.integers(0, 3, size=VALID.shape)
GOLD[1, 1] = 0  # a token that is aligned with nothing

# name -> (loss, oracle, labels)
CASES = {
    "coverage": (ka.losses.CoverageLoss(), oracles.coverage, VALID),
    "guided_attention": (ka.losses.GuidedAttention(), oracles.guided_attention, VALID),
    "guided_attention_wide": (
        ka.losses.GuidedAttention(sigma=0.4),
        lambda a, valid: oracles.guided_attention(a, valid, 0.4),
        VALID,
    ),
    "guided_alignment": (ka.losses.GuidedAlignment(), oracles.guided_alignment, GOLD),
    "guided_alignment_floor": (
        ka.losses.GuidedAlignment(epsilon=1e-2),
        lambda a, gold: oracles.guided_alignment(a, gold, 1e-2),
        GOLD,
    ),
    "entropy": (ka.losses.EntropyLoss(), oracles.entropy, VALID),
    "doubly_stochastic": (
        ka.losses.DoublyStochastic(),
        oracles.doubly_stochastic,
        VALID,
    ),
    "doubly_stochastic_share": (
        ka.losses.DoublyStochastic("share"),
        lambda a, valid: oracles.doubly_stochastic(a, valid, "share"),
        VALID,
    ),
}


def _weights(*shape, seed=1):
    """Rows that sum to one over the valid positions, some weights exactly zero."""
    weights = np.random.default_rng(seed).uniform(0.1, 1.0, size=(*shape, T, S))
    weights[..., 1, 0] = 0.0
    weights = weights * (VALID if len(shape) == 1 else VALID[:, None])
    total = weights.sum(-1, keepdims=True)
    return (weights / np.where(total > 0, total, 1.0)).astype("float32")


@pytest.mark.parametrize("name", CASES)
def test_equation(name):
    loss, oracle, labels = CASES[name]
    weights = _weights(B)
    wanted = oracle(weights.astype("float64"), labels)
    assert wanted > 0.01
    assert_allclose(to_numpy(loss(labels, weights)), wanted, rtol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_several_heads_are_averaged(name):
    loss, oracle, labels = CASES[name]
    weights = _weights(B, H)
    heads = weights.astype("float64").swapaxes(0, 1)
    wanted = np.mean([oracle(head, labels) for head in heads])
    assert_allclose(to_numpy(loss(labels, weights)), wanted, rtol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_padding_cannot_be_seen(name):
    loss, _, labels = CASES[name]
    weights = _weights(B, H)
    value, (gradient,), _ = value_and_gradients(lambda a: loss(labels, a), [weights])
    wider = [(0, 0), (0, 2), (0, 3)]
    wild = np.where(labels[:, None] > 0, weights, np.nan).astype("float32")
    wild = np.pad(wild, [(0, 0), *wider], constant_values=np.nan)
    again, (wild_gradient,), _ = value_and_gradients(
        lambda a: loss(np.pad(labels, wider), a), [wild]
    )
    assert_allclose(again, value, rtol=1e-6)
    assert np.all(gradient[np.broadcast_to(labels[:, None] == 0, gradient.shape)] == 0)
    assert_allclose(wild_gradient[:, :, :T, :S], gradient, rtol=1e-5, atol=1e-7)
    wild_gradient[:, :, :T, :S] = 0
    assert np.all(wild_gradient == 0)


@pytest.mark.parametrize("name", CASES)
def test_gradient(name):
    loss, _, labels = CASES[name]
    # No zeros, and no two weights alike: what has a derivative.
    energies = np.random.default_rng(3).normal(size=(B, T, S)).astype(EXACT)

    def run(energies):
        return loss(labels, ops.softmax(energies, axis=-1))

    tolerance = 1e-6 if EXACT == "float64" else 2e-2
    for analytic, numeric in directional_differences(run, [energies]):
        assert abs(analytic) > 1e-4
        assert_allclose(analytic, numeric, rtol=tolerance, atol=tolerance * 1e-2)


@pytest.mark.parametrize("name", CASES)
def test_nothing_valid_is_zero_with_zero_gradients(name):
    loss, _, labels = CASES[name]
    value, (gradient,), _ = value_and_gradients(
        lambda a: loss(np.zeros_like(labels), a), [_weights(B)]
    )
    assert value == 0
    assert np.all(gradient == 0)


@pytest.mark.parametrize("name", CASES)
def test_a_sample_weight_of_two_is_the_row_twice(name):
    loss, _, labels = CASES[name]
    weights, rows = _weights(B), np.array([0, 1, 1, 3])
    factors = np.array([1.0, 2.0, 0.0, 1.0], "float32")
    got = loss(labels, weights, sample_weight=factors)
    wanted = loss(labels[rows], weights[rows])
    assert_allclose(to_numpy(got), to_numpy(wanted), rtol=1e-6)


@pytest.mark.parametrize("rows, steps", [(1, T), (B, 1), (B, T)])
@pytest.mark.parametrize("name", CASES)
def test_labels_and_weights_may_have_a_last_axis_of_one(name, rows, steps):
    loss, _, labels = CASES[name]
    labels, weights = labels[:rows, :steps], _weights(B, H)[:rows, :, :steps]
    factors = np.array([1.0, 2.0, 0.0, 1.0], "float32")[:rows]
    got = loss(labels[..., None], weights, factors[:, None])
    assert_allclose(to_numpy(got), to_numpy(loss(labels, weights, factors)))


@pytest.mark.parametrize("name", CASES)
def test_reductions(name):
    loss, oracle, labels = CASES[name]
    weights, factors = _weights(B), np.array([0.5, 2.0, 1.0, 3.0], "float32")

    def reduced(reduction, sample_weight=factors):
        config = loss.get_config() | {"reduction": reduction}
        return to_numpy(type(loss)(**config)(labels, weights, sample_weight))

    rows = reduced("none", None)
    assert rows.shape == (B,) and rows[3] == 0
    counts = [
        row / oracle(weights[i : i + 1].astype("float64"), labels[i : i + 1])
        for i, row in enumerate(rows[:3])
    ]
    assert_allclose(counts, np.round(counts), rtol=1e-5)
    total = (rows * factors).sum()
    assert_allclose(reduced(None), rows * factors, rtol=1e-6)
    assert_allclose(reduced("sum"), total, rtol=1e-6)
    for mean in ("mean", "sum_over_batch_size"):
        assert_allclose(reduced(mean), total / sum(counts), rtol=1e-5)
    with pytest.raises(ValueError, match="reduction=most"):
        reduced("most")


@pytest.mark.parametrize("name", CASES)
def test_configuration_round_trip(name):
    loss, _, labels = CASES[name]
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss) and again.name == loss.name
    weights = _weights(B)
    assert_allclose(to_numpy(again(labels, weights)), to_numpy(loss(labels, weights)))


def test_half_precision_weights_are_summed_in_float32():
    weights = ops.cast(_weights(B), "bfloat16")
    got = ka.losses.EntropyLoss()(VALID, weights)
    assert keras.backend.standardize_dtype(got.dtype) == "float32"
    assert_allclose(to_numpy(got), oracles.entropy(_weights(B), VALID), rtol=2e-2)


def test_a_model_trains_is_saved_and_evaluated_again(tmp_path):
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(8, "gru"),
        ka.AttentionDecoder(keras.layers.GRUCell(8), ka.BahdanauAttention(8)),
        source_vocabulary_size=8,
        target_vocabulary_size=8,
        embedding_dim=8,
        return_attention_scores=True,
    )
    shifted = np.pad(SOURCES[:2, :-1], ((0, 0), (1, 0)), constant_values=1)
    shifted[1, 2:] = 0
    inputs = {"source_ids": SOURCES[:2], "target_ids": shifted}
    links = [[(i, i) for i in range(n)] for n in (6, 2)]
    labels = {"logits": SOURCES[:2], "weights": ka.losses.gold_alignment(links, 6, 6)}
    model.compile(
        keras.optimizers.Adam(0.05),
        {
            "logits": ka.losses.MaskedCrossentropy(),
            "weights": ka.losses.GuidedAlignment(),
        },
        loss_weights={"logits": 0.0, "weights": 1.0},
    )
    model.fit(inputs, labels, epochs=30, verbose=0)
    weights = to_numpy(model(inputs))["weights"]
    wanted = oracles.guided_alignment(weights, labels["weights"])
    assert wanted < 0.5  # log 6 and log 2 at first
    assert_allclose(
        model.evaluate(inputs, labels, verbose=0, return_dict=True)["weights_loss"],
        wanted,
        rtol=1e-4,
    )
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_allclose(again.evaluate(inputs, labels, verbose=0)[0], wanted, rtol=1e-4)


def test_valid_pairs_of_ids_with_a_last_axis_of_one():
    got = ka.losses.valid_pairs(TARGETS[..., None], SOURCES.tolist())
    assert np.array_equal(got, VALID)


def test_a_loss_of_ones_own():
    class Spread(ka.losses.WeightsLoss):
        def __init__(self):
            super().__init__("spread")

        def measure(self, weights, labels):
            return ops.max(weights, axis=(2, 3)), ops.any(labels, axis=(1, 2, 3))

    weights = _weights(B)
    got = to_numpy(Spread()(VALID, weights))
    assert_allclose(got, weights[:3].max((1, 2)).mean(), rtol=1e-6)


BAD = {
    "float mask": (
        TypeError,
        "`y_true` must be boolean or integer",
        lambda: ka.losses.CoverageLoss()(VALID.astype("float32"), _weights(B)),
    ),
    "rank of the weights": (
        ValueError,
        r"`y_pred` must be weights.* Received: \(5, 6\)",
        lambda: ka.losses.CoverageLoss()(VALID, _weights(B)[0]),
    ),
    "ids": (
        ValueError,
        r"Expected: \(4, 5, 6\). Received: \(4, 5\)",
        lambda: ka.losses.CoverageLoss()(TARGETS, _weights(B)),
    ),
    "shape": (
        ValueError,
        r"Expected: \(4, 5, 6\). Received: \(4, 6, 5\)",
        lambda: ka.losses.EntropyLoss()(VALID.swapaxes(1, 2), _weights(B)),
    ),
    "token weights": (
        ValueError,
        r"`sample_weight` must .* Received: \(4, 5\)",
        lambda: ka.losses.EntropyLoss()(VALID, _weights(B), np.ones((B, T))),
    ),
    "sigma": (
        ValueError,
        "Received: sigma=0",
        lambda: ka.losses.GuidedAttention(sigma=0),
    ),
    "epsilon": (
        ValueError,
        "Received: epsilon=-1",
        lambda: ka.losses.GuidedAlignment(epsilon=-1.0),
    ),
    "total": (
        ValueError,
        "Received: total='all'",
        lambda: ka.losses.DoublyStochastic("all"),
    ),
    "labels of heads": (
        ValueError,
        r"Expected: \(4, 5, 6\). Received: \(4, 2, 5, 6\)",
        lambda: ka.losses.EntropyLoss()(np.stack([VALID] * 2, 1), _weights(B, H)),
    ),
    "one-hot ids": (
        ValueError,
        r"`target_ids` must .* Received: \(4, 5, 6\)",
        lambda: ka.losses.valid_pairs(VALID, SOURCES),
    ),
    "argument": (
        TypeError,
        "'reach'",
        lambda: ka.losses.EntropyLoss(reach=1),
    ),
    "link": (
        ValueError,
        r"Received: \(3, 0\) in row 1",
        lambda: ka.losses.gold_alignment([[], [(3, 0)]], 2, 3),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    error, message, call = BAD[name]
    with pytest.raises(error, match=message):
        call()
