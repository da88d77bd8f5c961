"""Guided attention: Tachibana, Uenoyama & Aihara 2018."""

from typing import Any

import keras
from keras import ops

from keras_attention.layer_support.argument_checks import positive_number
from keras_attention.layer_support.types import Tensor
from keras_attention.losses.base import WeightsLoss


@keras.saving.register_keras_serializable(package="keras_attention")
class GuidedAttention(WeightsLoss):
    r"""Penalty on weights far from the diagonal.

    $$ l_b = \sum_{t,s} a_{ts} \left( 1 -
       \exp \left( -\frac{(s / S - t / T)^2}{2 g^2} \right) \right) $$

    over the number of valid pairs, $T \cdot S$ of each row. T and S are the row's own
    lengths, and positions are counted from 0 among the valid ones.

    Args:
        sigma: g, the width of the diagonal as a part of the lengths. The paper has
            0.2, ESPnet 0.4.
        name, reduction, dtype: As for `ka.losses.WeightsLoss`.

    Call arguments: as for `ka.losses.WeightsLoss`.

    Raises:
        ValueError: `sigma` is not a positive number.

    References:
        Tachibana, Uenoyama & Aihara 2018, arXiv 1710.08969, section 4.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> diagonal = np.eye(3, dtype="float32")[None]
    >>> float(ka.losses.GuidedAttention()(np.ones((1, 3, 3), bool), diagonal))
    0.0
    """

    def __init__(
        self, sigma: float = 0.2, name: str = "guided_attention", **loss: Any
    ) -> None:
        super().__init__(name=name, **loss)
        self.sigma = positive_number("sigma", sigma)

    def measure(self, weights: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        valid = ops.cast(labels, weights.dtype)  # [B, 1, T, S]
        targets = _places(ops.any(labels, axis=3, keepdims=True), 2, weights.dtype)
        sources = _places(ops.any(labels, axis=2, keepdims=True), 3, weights.dtype)
        distances = (sources - targets) / self.sigma  # [B, 1, T, S]
        penalties = 1.0 - ops.exp(-0.5 * ops.square(distances))
        losses = ops.sum(weights * penalties, axis=(2, 3))  # [B, H]
        return losses, ops.sum(valid, axis=(1, 2, 3))


def _places(valid: Tensor, axis: int, dtype: str) -> Tensor:
    """The place of each valid position between 0 and 1, along one axis."""
    valid = ops.cast(valid, dtype)
    count = ops.sum(valid, axis=axis, keepdims=True)
    before = ops.cumsum(valid, axis=axis) - valid
    return before / ops.maximum(count, ops.ones_like(count))
