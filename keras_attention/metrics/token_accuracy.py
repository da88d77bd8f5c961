"""Accuracies over padded target sequences."""

import keras
from keras import ops

from keras_attention.layer_support.types import Config, DType, Tensor
from keras_attention.losses.shapes import sample_weights, token_labels


class _Accuracy(keras.metrics.Mean):
    """Mean over target tokens, or sequences of them, that are not padding."""

    default_name: str

    def __init__(
        self, pad_id: int = 0, name: str | None = None, dtype: DType = None
    ) -> None:
        super().__init__(name=name or self.default_name, dtype=dtype)
        self.pad_id = pad_id

    def right_and_valid(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Which tokens are ranked first, and which count: `[B, T]` zeros and ones."""
        y_pred = ops.convert_to_tensor(y_pred)
        labels = token_labels(y_true, y_pred)
        best = ops.cast(ops.argmax(y_pred, axis=-1), "int32")  # [B, T]
        right = ops.cast(ops.equal(labels, best), "float32")
        return right, ops.cast(ops.not_equal(labels, self.pad_id), "float32")

    def get_config(self) -> Config:
        return {"name": self.name, "dtype": self.dtype, "pad_id": self.pad_id}


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenAccuracy(_Accuracy):
    """Fraction of the valid target tokens that the model ranks first.

    Args:
        pad_id: Label that is not counted.
        name, dtype: As for every Keras metric.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> accuracy = ka.metrics.TokenAccuracy()
    >>> logits = np.eye(4, dtype="float32")[[[3, 1, 2]]]
    >>> accuracy.update_state(np.array([[3, 2, 0]]), logits)
    >>> float(accuracy.result())
    0.5
    """

    default_name = "token_accuracy"

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        right, valid = self.right_and_valid(y_true, y_pred)
        if sample_weight is not None:
            valid = valid * sample_weights(sample_weight, valid)
        super().update_state(right, sample_weight=valid)


@keras.saving.register_keras_serializable(package="keras_attention")
class SequenceAccuracy(_Accuracy):
    """Fraction of the sequences whose every valid token is ranked first.

    Teacher forced, so an upper bound of what generation gets right. Sequences
    that are all padding are not counted.

    Args:
        pad_id: Label that is not counted.
        name, dtype: As for every Keras metric.
    """

    default_name = "sequence_accuracy"

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        right, valid = self.right_and_valid(y_true, y_pred)
        wrong = ops.sum((1.0 - right) * valid, axis=-1)  # [B]
        counted = ops.cast(ops.sum(valid, axis=-1) > 0, "float32")
        if sample_weight is not None:
            counted = counted * sample_weights(sample_weight, counted)
        super().update_state(ops.cast(wrong < 0.5, "float32"), sample_weight=counted)
