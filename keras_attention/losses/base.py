"""The contract of a loss on attention weights."""

import abc
from typing import Any

import keras
from keras import ops

from keras_attention.backend.masks import as_mask
from keras_attention.backend.precision import at_least_float32


class WeightsLoss(keras.losses.Loss, abc.ABC):
    r"""A mean over what is valid in a batch of attention weights.

    $$ L = \frac{\sum_b w_b \, l_b}{\sum_b w_b \, n_b} $$

    with $l_b$ a sum over row b, $n_b$ how many things were summed there (tokens,
    pairs or sequences, as the class says) and $w_b$ the sample weight. A batch without
    any gives 0. With several heads $l_b$ is the mean over them.

    Call arguments:
        y_true: `[B, T, S]`, which pairs of a target and a source position are valid:
            booleans or integers, as `ka.losses.valid_pairs` makes them. A target
            position counts when any of its pairs is valid, a source position too.
        y_pred: `[B, T, S]` or `[B, H, T, S]`, the weights. What they are at padding
            does not matter.
        sample_weight: `[B]`.

    To add one, extend this class and implement `measure`.

    Raises:
        TypeError: Validity given as floats.
        ValueError: Wrong ranks or shapes.
    """

    def __init__(self, name: str, **loss: Any) -> None:
        super().__init__(name=name, reduction="none", dtype=loss.pop("dtype", None))
        loss.pop("reduction", None)
        if loss:
            raise TypeError(
                f"{type(self).__name__} takes its own arguments, name and dtype. "
                f"Received: {sorted(loss)}"
            )

    @abc.abstractmethod
    def measure(self, weights: Any, labels: Any) -> tuple[Any, Any]:
        """What is lost in each row, and the number of things that it is a sum over.

        Args:
            weights: `[B, H, T, S]`, at least float32, zero where not valid.
            labels: `[B, 1, T, S]`, what `prepare` made of `y_true`.

        Returns:
            `[B, H]` and `[B]`.
        """

    def prepare(self, labels: Any, dtype: Any) -> tuple[Any, Any]:
        """`y_true [B, T, S]` as `measure` wants it, and which pairs are valid."""
        valid = as_mask(labels, "y_true")
        return valid, valid

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._sums(y_true, y_pred)[0]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        with keras.name_scope(self.name):
            losses, counts = self._sums(y_true, y_pred)
            if sample_weight is not None:
                factors = ops.cast(sample_weight, losses.dtype)
                if len(factors.shape) != 1:
                    raise ValueError(
                        "`sample_weight` must have one number for each sequence. "
                        f"Expected: [B]. Received: {tuple(factors.shape)}"
                    )
                losses, counts = losses * factors, counts * factors
            total = ops.sum(counts)
            some = total > 0
            return ops.where(some, ops.sum(losses), 0.0 * total) / ops.where(
                some, total, ops.ones_like(total)
            )

    def _sums(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Losses `[B]`, a mean over heads, and counts `[B]`."""
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.convert_to_tensor(y_pred)
        _check_shapes(y_true, y_pred)
        weights = ops.cast(y_pred, at_least_float32(y_pred.dtype))
        if len(weights.shape) == 3:
            weights = ops.expand_dims(weights, 1)  # [B, 1, T, S]
        labels, valid = self.prepare(ops.expand_dims(y_true, 1), weights.dtype)
        weights = ops.where(valid, weights, ops.zeros_like(weights))
        losses, counts = self.measure(weights, labels)
        return ops.mean(losses, axis=1), ops.cast(counts, losses.dtype)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def counted_targets(valid: Any) -> Any:
    """`[B, 1, T, S]` -> the number of target positions with a valid pair, `[B]`."""
    return ops.sum(ops.cast(ops.any(valid, axis=-1), "float32"), axis=(1, 2))


def _check_shapes(y_true: Any, y_pred: Any) -> None:
    expected, received = tuple(y_pred.shape), tuple(y_true.shape)
    if len(expected) not in (3, 4):
        raise ValueError(
            "`y_pred` must be weights [B, T, S] or [B, H, T, S]. "
            f"Received: y_pred of shape {expected}"
        )
    expected = (expected[0], *expected[-2:])
    if len(received) != 3 or any(
        a is not None and b is not None and a != b
        for a, b in zip(expected, received, strict=True)
    ):
        raise ValueError(
            "`y_true` must say of every pair of a target and a source position whether "
            f"it is valid, or how aligned. Expected: {expected}. Received: {received}"
        )
