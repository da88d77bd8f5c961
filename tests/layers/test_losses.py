"""Masked loss and accuracies against their definitions."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import to_numpy, value_and_gradients
from tests.reference.losses import masked_cross_entropy

RANDOM = np.random.default_rng(17)
LOGITS = RANDOM.normal(scale=2.0, size=(3, 5, 7)).astype("float32")
TARGETS = RANDOM.integers(1, 7, size=(3, 5))
TARGETS[0, 3:] = 0
TARGETS[1, 1:] = 0


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("pad_id", [0, 3, -1])
def test_loss_is_the_mean_over_valid_tokens(pad_id, label_smoothing):
    targets = np.where(TARGETS == 0, pad_id, TARGETS)
    loss = ka.losses.MaskedCrossentropy(pad_id, label_smoothing=label_smoothing)
    wanted = masked_cross_entropy(targets, LOGITS, pad_id, label_smoothing)
    got = loss(ops.convert_to_tensor(targets), ops.convert_to_tensor(LOGITS))
    assert_allclose(to_numpy(got), wanted, rtol=1e-5)


def test_loss_without_a_valid_token_is_zero_with_zero_gradients():
    loss = ka.losses.MaskedCrossentropy()
    nothing = np.zeros((2, 5), "int32")
    value, (gradient,), _ = value_and_gradients(
        lambda logits: loss(nothing, logits), [LOGITS[:2]]
    )
    assert value == 0
    assert np.all(gradient == 0)


def test_padded_logits_do_not_matter():
    loss, wild = ka.losses.MaskedCrossentropy(), LOGITS.copy()
    wild[TARGETS == 0] = 1e30
    assert_allclose(
        to_numpy(loss(TARGETS, wild)), to_numpy(loss(TARGETS, LOGITS)), rtol=1e-6
    )


def test_sample_weights_count_in_the_normaliser():
    weights = np.array([0.0, 2.0, 1.0], "float32")
    got = ka.losses.MaskedCrossentropy()(TARGETS, LOGITS, sample_weight=weights)
    total, count = 0.0, 0.0
    for row, weight in enumerate(weights):
        tokens = int((TARGETS[row] != 0).sum())
        mean = masked_cross_entropy(TARGETS[row : row + 1], LOGITS[row : row + 1])
        total, count = total + weight * tokens * mean, count + weight * tokens
    assert_allclose(to_numpy(got), total / count, rtol=1e-5)


def test_half_precision_logits_are_summed_in_float32():
    logits = ops.cast(LOGITS, "bfloat16")
    got = ka.losses.MaskedCrossentropy()(TARGETS, logits)
    assert keras.backend.standardize_dtype(got.dtype) == "float32"
    assert_allclose(to_numpy(got), masked_cross_entropy(TARGETS, LOGITS), rtol=2e-2)


def test_loss_configuration_round_trip():
    loss = ka.losses.MaskedCrossentropy(pad_id=3, label_smoothing=0.2)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    targets = np.where(TARGETS == 0, 3, TARGETS)
    assert_allclose(to_numpy(again(targets, LOGITS)), to_numpy(loss(targets, LOGITS)))


def test_accuracies_by_counting():
    predicted = LOGITS.argmax(-1)
    targets = TARGETS.copy()
    targets[0, :3] = predicted[0, :3] = np.maximum(predicted[0, :3], 1)
    logits = np.eye(7, dtype="float32")[predicted]
    valid = targets != 0
    token, sequence = ka.metrics.TokenAccuracy(), ka.metrics.SequenceAccuracy()
    for rows in (slice(0, 2), slice(2, 3)):  # batches of different sizes
        token.update_state(targets[rows], logits[rows])
        sequence.update_state(targets[rows], logits[rows])
    right = (predicted == targets) & valid
    assert_allclose(float(token.result()), right.sum() / valid.sum(), rtol=1e-6)
    whole = (right | ~valid).all(axis=1)
    assert whole[0]
    assert_allclose(float(sequence.result()), whole.mean(), rtol=1e-6)


def test_sequences_of_padding_are_not_counted():
    metric = ka.metrics.SequenceAccuracy()
    metric.update_state(
        np.array([[0, 0], [1, 2]]), np.eye(3, dtype="float32")[[[1, 1], [1, 2]]]
    )
    assert float(metric.result()) == 1.0
    metric.update_state(np.array([[0, 0]]), np.eye(3, dtype="float32")[[[1, 1]]])
    assert float(metric.result()) == 1.0


def _accuracy(metric):
    def run(y_true, y_pred, sample_weight=None):
        metric.reset_state()
        metric.update_state(y_true, y_pred, sample_weight)
        return metric.result()

    return run


OF_TOKENS = {
    "loss": ka.losses.MaskedCrossentropy(),
    "smoothed loss": ka.losses.MaskedCrossentropy(label_smoothing=0.1),
    "token accuracy": _accuracy(ka.metrics.TokenAccuracy()),
    "sequence accuracy": _accuracy(ka.metrics.SequenceAccuracy()),
}


@pytest.mark.parametrize("rows, steps", [(1, 5), (5, 1), (5, 5), (3, 5)])
@pytest.mark.parametrize("name", OF_TOKENS)
def test_labels_and_weights_may_have_a_last_axis_of_one(name, rows, steps):
    run, random = OF_TOKENS[name], np.random.default_rng(rows)
    labels = random.integers(0, 4, size=(rows, steps))
    logits = random.normal(size=(rows, steps, 4)).astype("float32")
    weights = random.uniform(size=rows).astype("float32")
    assert_allclose(to_numpy(run(labels[..., None], logits)), run(labels, logits))
    wanted = run(labels, logits, weights)
    assert_allclose(to_numpy(run(labels, logits, weights[:, None])), wanted)
    if "sequence" not in name:
        each = np.repeat(weights[:, None], steps, 1)
        assert_allclose(to_numpy(run(labels, logits, each)), wanted, rtol=1e-6)
        assert_allclose(run(labels, logits, each[..., None]), wanted, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (5, 3), (3, 5, 7), (3, 5, 1, 1)])
@pytest.mark.parametrize("name", OF_TOKENS)
def test_other_labels_are_refused(name, shape):
    message = r"`y_true` must .* Expected: \(3, 5\). Received: \(" + str(shape[0])
    with pytest.raises(ValueError, match=message):
        OF_TOKENS[name](np.ones(shape, "int32"), LOGITS)


@pytest.mark.parametrize("shape", [(5,), (5, 3), (1, 3, 5), (3, 5, 7)])
@pytest.mark.parametrize("name", OF_TOKENS)
def test_other_sample_weights_are_refused(name, shape):
    message = r"`sample_weight` must .* Expected: \(3,.* Received: \(" + str(shape[0])
    with pytest.raises(ValueError, match=message):
        OF_TOKENS[name](TARGETS, LOGITS, np.ones(shape, "float32"))


def test_sequences_have_no_weights_of_tokens():
    square = np.ones((5, 5), "int32")
    logits = np.ones((5, 5, 7), "float32")
    with pytest.raises(ValueError, match=r"each sequence. Expected: \(5,\). Received"):
        OF_TOKENS["sequence accuracy"](square, logits, np.ones((5, 5), "float32"))


def test_reductions():
    weights = np.array([0.5, 2.0, 1.0], "float32")
    valid = TARGETS != 0
    each = np.zeros(TARGETS.shape)
    for index in zip(*np.nonzero(valid), strict=True):
        token = (slice(index[0], index[0] + 1), slice(index[1], index[1] + 1))
        each[index] = weights[index[0]] * masked_cross_entropy(
            TARGETS[token], LOGITS[token]
        )
    wanted = {
        "none": each,
        None: each,
        "sum": each.sum(),
        "mean": each.sum() / valid.sum(),
        "sum_over_batch_size": each.sum() / valid.sum(),
        "mean_with_sample_weight": each.sum() / (valid * weights[:, None]).sum(),
    }
    for reduction, expected in wanted.items():
        loss = ka.losses.MaskedCrossentropy(reduction=reduction)
        again = keras.losses.deserialize(keras.losses.serialize(loss))
        for one in (loss, again):
            assert_allclose(
                to_numpy(one(TARGETS, LOGITS, weights)), expected, rtol=1e-5
            )
    with pytest.raises(ValueError, match="reduction=most"):
        ka.losses.MaskedCrossentropy(reduction="most")


def test_a_reward_below_zero_counts():
    weights = np.array([1.0, -1.0, 0.0], "float32")
    loss = ka.losses.MaskedCrossentropy(reduction="sum")
    wanted = to_numpy(loss(TARGETS[:1], LOGITS[:1]) - loss(TARGETS[1:2], LOGITS[1:2]))
    assert_allclose(to_numpy(loss(TARGETS, LOGITS, weights)), wanted, rtol=1e-5)


def test_a_dtype_of_ones_own():
    loss = ka.losses.MaskedCrossentropy(dtype="float16")
    assert keras.backend.standardize_dtype(loss(TARGETS, LOGITS).dtype) == "float16"
