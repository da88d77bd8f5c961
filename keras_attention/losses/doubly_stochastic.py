"""Doubly stochastic attention: Xu et al. 2015."""

from typing import Any

import keras
from keras import ops

from keras_attention.layer_support.types import Tensor
from keras_attention.losses.base import WeightsLoss


@keras.saving.register_keras_serializable(package="keras_attention")
class DoublyStochastic(WeightsLoss):
    r"""Penalty on attending to a source position more or less than to the others.

    $$ l_b = \sum_s \Big( \tau - \sum_t a_{ts} \Big)^2 $$

    over valid source positions, divided by the number of sequences with any.

    Args:
        total: $\tau$: how much weight a source position is to get over the whole
            target. 1 is the paper's; `"share"` is $T / S$ of the row's own lengths,
            what there is for each, so that no target is too short for its source.
        name, reduction, dtype: As for `ka.losses.WeightsLoss`.

    Call arguments: as for `ka.losses.WeightsLoss`.

    Raises:
        ValueError: `total` is neither a positive number nor "share".

    References:
        Xu et al. 2015, arXiv 1502.03044, section 4.2.1, equation 14.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> weights = np.array([[[0.5, 0.5]]], "float32")
    >>> float(ka.losses.DoublyStochastic()(np.ones((1, 1, 2), bool), weights))
    0.5
    >>> float(ka.losses.DoublyStochastic("share")(np.ones((1, 1, 2), bool), weights))
    0.0
    """

    def __init__(
        self,
        total: float | str = 1.0,
        name: str = "doubly_stochastic",
        **loss: Any,
    ) -> None:
        super().__init__(name=name, **loss)
        number = isinstance(total, (int, float)) and not isinstance(total, bool)
        if total != "share" and not (number and 0 < float(total) < float("inf")):
            raise ValueError(
                '`total` must be a positive number or "share". '
                f"Received: total={total!r}"
            )
        self.total = total

    def measure(self, weights: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        sources = ops.cast(ops.any(labels, axis=2), weights.dtype)  # [B, 1, S]
        count = ops.sum(sources, axis=-1, keepdims=True)  # [B, 1, 1]
        if self.total == "share":
            targets = ops.cast(ops.any(labels, axis=3), weights.dtype)  # [B, 1, T]
            total = ops.sum(targets, axis=-1, keepdims=True)
            total = total / ops.maximum(count, ops.ones_like(count))  # [B, 1, 1]
        else:
            total = float(self.total)
        missing = (total - ops.sum(weights, axis=2)) * sources  # [B, H, S]
        losses = ops.sum(ops.square(missing), axis=-1)  # [B, H]
        return losses, ops.squeeze(count > 0, (1, 2))
