"""Guided alignment: Chen et al. 2016."""

from typing import Any

import keras
from keras import ops

from keras_attention.layer_support.argument_checks import positive_number
from keras_attention.layer_support.types import Tensor
from keras_attention.losses.base import WeightsLoss, counted_targets


@keras.saving.register_keras_serializable(package="keras_attention")
class GuidedAlignment(WeightsLoss):
    r"""Cross-entropy of the weights relative to a given alignment.

    $$ l_b = -\sum_{t,s} A_{ts} \log (a_{ts} + \epsilon), \qquad \sum_s A_{ts} = 1 $$

    over the number of target positions that are aligned with something; the others, and
    padding, are not counted.

    Args:
        epsilon: Added to the weights, so that the loss is finite where they are zero.
        name, reduction, dtype: As for `ka.losses.WeightsLoss`.

    Call arguments:
        y_true: `[B, T, S]`, A or any numbers >= 0 proportional to it in each target
            position: `ka.losses.gold_alignment` makes it of pairs. Zeros at padding.
        y_pred: `[B, T, S]` or `[B, H, T, S]`, the weights.
        sample_weight: `[B]`.

    Raises:
        ValueError: `epsilon` is not a positive number, or wrong shapes.

    References:
        Chen, Matusov, Khadivi & Peter 2016, arXiv 1607.01628, section 3.

    Relative to the paper: it divides by the length of the target, aligned or not, and
    has no $\epsilon$ (Marian has 1e-6 too). Its mean squared error is Keras' own
    `"mse"`.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> gold = ka.losses.gold_alignment([[(1, 0)]], target_length=1, source_length=2)
    >>> weights = np.array([[[0.5, 0.5]]], "float32")
    >>> float(ka.losses.GuidedAlignment()(gold, weights))
    0.69314...
    """

    def __init__(
        self, epsilon: float = 1e-6, name: str = "guided_alignment", **loss: Any
    ) -> None:
        super().__init__(name=name, **loss)
        self.epsilon = positive_number("epsilon", epsilon)

    def prepare(self, labels: Tensor, dtype: str) -> tuple[Tensor, Tensor]:
        labels = ops.cast(labels, dtype)
        total = ops.sum(labels, axis=-1, keepdims=True)
        gold = labels / ops.where(total > 0, total, ops.ones_like(total))
        return gold, gold > 0

    def measure(self, weights: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logs = ops.log(weights + self.epsilon)
        losses = -ops.sum(labels * logs, axis=(2, 3))  # [B, H]
        return losses, counted_targets(labels > 0)
