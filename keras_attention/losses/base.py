"""Losses on attention weights, and what each of them has to implement."""

import abc

from keras import ops

from keras_attention.backend.distribution import between_replicas
from keras_attention.backend.masks import as_mask
from keras_attention.backend.weights import weights_with_heads
from keras_attention.layer_support.types import Mask, Tensor
from keras_attention.losses.reduction import CountingLoss
from keras_attention.losses.shapes import with_shape


class WeightsLoss(CountingLoss):
    r"""A mean over what is valid in a batch of attention weights.

    $$ L = \frac{\sum_b w_b \, l_b}{\sum_b w_b \, n_b} $$

    with $l_b$ a sum over row b, $n_b$ how many things were summed there (tokens,
    pairs or sequences, as the class says) and $w_b$ the sample weight. A batch without
    any gives 0. With several heads $l_b$ is the mean over them. Under `tf.distribute`
    the batch is that of all replicas.

    Args:
        name: Name of the loss; None is that of the class, `coverage_loss`.
        reduction: `"mean_with_sample_weight"`, the equation; `"mean"` or
            `"sum_over_batch_size"`, $\sum_b w_b l_b / \sum_b n_b$; `"sum"`,
            $\sum_b w_b l_b$; `"none"`, the $w_b l_b$ of shape `[B]`.
        dtype: What to compute in; None is that of the weights, float32 at least.

    Call arguments:
        y_true: `[B, T, S]` or `[B, T, S, 1]`, which pairs of a target and a source
            position are valid: booleans or integers, as `ka.losses.valid_pairs` makes
            them. A target position counts when any of its pairs is valid, a source
            position too.
        y_pred: `[B, T, S]` or `[B, H, T, S]`, the weights. What they are at padding
            does not matter.
        sample_weight: `[B]`.

    To add one, extend this class and implement `measure`.

    Raises:
        TypeError: Validity given as floats.
        ValueError: Wrong ranks or shapes.
    """

    @abc.abstractmethod
    def measure(self, weights: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of each row, and the number of things that they are sums over.

        Args:
            weights: `[B, H, T, S]`, at least float32, zero where not valid.
            labels: `[B, 1, T, S]`, what `prepare` made of `y_true`.

        Returns:
            `[B, H]` and `[B]`.
        """

    def prepare(self, labels: Tensor, dtype: str) -> tuple[Tensor, Mask]:
        """`y_true [B, 1, T, S]` as `measure` wants it, and which pairs are valid."""
        if between_replicas():  # where Keras builds, on the mean of integer labels
            labels = ops.not_equal(labels, 0)
        valid = as_mask(labels, "y_true")
        return valid, valid

    def count(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Losses `[B]`, a mean over heads, and counts `[B]`."""
        weights = self.precise(y_pred)
        if len(weights.shape) not in (3, 4):
            raise ValueError(
                "`y_pred` must be weights. Expected: [B, T, S] or [B, H, T, S]. "
                f"Received: {tuple(weights.shape)}"
            )
        weights = weights_with_heads(weights, rank=4)  # [B, H, T, S]
        rows, _, *pairs = weights.shape
        y_true = with_shape(
            y_true,
            (rows, *pairs),
            "whether each pair of a target and a source position is valid, or how "
            "aligned it is",
        )
        labels, valid = self.prepare(ops.expand_dims(y_true, 1), weights.dtype)
        weights = ops.where(valid, weights, ops.zeros_like(weights))
        losses, counts = self.measure(weights, labels)
        return ops.mean(losses, axis=1), ops.cast(counts, losses.dtype)


def counted_targets(valid: Mask) -> Tensor:
    """`[B, 1, T, S]` -> the number of target positions with a valid pair, `[B]`."""
    return ops.sum(ops.cast(ops.any(valid, axis=-1), "float32"), axis=(1, 2))
