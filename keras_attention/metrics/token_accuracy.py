"""Accuracies over padded target sequences."""

import keras
from keras import ops

from keras_attention.layer_support.types import Config, DType, Tensor
from keras_attention.losses.shapes import sample_weights, token_labels


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenAccuracy(keras.metrics.Mean):
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

    def __init__(
        self, pad_id: int = 0, name: str = "token_accuracy", dtype: DType = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.pad_id = pad_id

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        right, valid = _right_and_valid(y_true, y_pred, self.pad_id)
        if sample_weight is not None:
            valid = valid * sample_weights(sample_weight, valid)
        super().update_state(right, sample_weight=valid)

    def get_config(self) -> Config:
        return {"name": self.name, "dtype": self.dtype, "pad_id": self.pad_id}


@keras.saving.register_keras_serializable(package="keras_attention")
class SequenceAccuracy(keras.metrics.Mean):
    """Fraction of the sequences whose every valid token is ranked first.

    Teacher forced, so an upper bound of what generation gets right. Sequences
    that are all padding are not counted.

    Args:
        pad_id: Label that is not counted.
        name, dtype: As for every Keras metric.
    """

    def __init__(
        self, pad_id: int = 0, name: str = "sequence_accuracy", dtype: DType = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.pad_id = pad_id

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        right, valid = _right_and_valid(y_true, y_pred, self.pad_id)
        wrong = ops.sum((1.0 - right) * valid, axis=-1)  # [B]
        counted = ops.cast(ops.sum(valid, axis=-1) > 0, "float32")
        if sample_weight is not None:
            counted = counted * sample_weights(sample_weight, counted)
        super().update_state(ops.cast(wrong < 0.5, "float32"), sample_weight=counted)

    def get_config(self) -> Config:
        return {"name": self.name, "dtype": self.dtype, "pad_id": self.pad_id}


def _right_and_valid(
    y_true: Tensor, y_pred: Tensor, pad_id: int
) -> tuple[Tensor, Tensor]:
    y_pred = ops.convert_to_tensor(y_pred)
    labels = token_labels(y_true, y_pred)
    best = ops.cast(ops.argmax(y_pred, axis=-1), "int32")  # [B, T]
    right = ops.cast(ops.equal(labels, best), "float32")
    return right, ops.cast(ops.not_equal(labels, pad_id), "float32")
