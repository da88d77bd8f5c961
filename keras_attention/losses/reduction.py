"""Reduction of a loss over the batch, and over the replicas that share it."""

import abc
import re

import keras
from keras import ops

from keras_attention.backend.distribution import ratio_over_replicas
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.constructor_config import constructor_config
from keras_attention.layer_support.types import Config, DType, Tensor
from keras_attention.losses.shapes import sample_weights


class CountingLoss(keras.losses.Loss, abc.ABC):
    """Loss that knows how many things it is a sum over.

    Under `tf.distribute` sums are over all replicas, so that a step is that of one
    device with the whole batch, however it is divided. A mean over nothing is 0.
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "mean_with_sample_weight",
        dtype: DType = None,
    ) -> None:
        # CoverageLoss -> coverage_loss
        name = name or re.sub("(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self._given_dtype = None if dtype is None else self.dtype

    @abc.abstractmethod
    def count(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Losses and the number of things that each is a sum over, of one shape."""

    def precise(self, y_pred: Tensor) -> Tensor:
        """`y_pred` in the dtype that the loss was made with, or float32 at least."""
        y_pred = ops.convert_to_tensor(y_pred)
        return ops.cast(y_pred, self._given_dtype or at_least_float32(y_pred.dtype))

    def get_config(self) -> Config:
        config = constructor_config(self) | super().get_config()
        return config | {"dtype": self._given_dtype}

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.count(y_true, y_pred)[0]

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        with keras.name_scope(self.name):
            losses, counts = self.count(y_true, y_pred)
            if sample_weight is not None:
                factors = sample_weights(sample_weight, losses)
                # Selected, not multiplied: what has no weight may be infinite.
                losses = ops.where(factors == 0, 0.0 * factors, losses * factors)
                if self.reduction == "mean_with_sample_weight":
                    counts = counts * factors
            if self.reduction in ("none", None):
                return losses
            total = ops.sum(losses)
            if self.reduction == "sum":
                return ratio_over_replicas(total)
            return ratio_over_replicas(total, ops.sum(counts))
