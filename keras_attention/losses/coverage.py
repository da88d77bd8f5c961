"""Coverage loss: See, Liu & Manning 2017."""

import keras
from keras import ops

from keras_attention.layer_support.types import Tensor
from keras_attention.losses.base import WeightsLoss, counted_targets


@keras.saving.register_keras_serializable(package="keras_attention")
class CoverageLoss(WeightsLoss):
    r"""Penalty on attending again to what was attended to before.

    $$ l_b = \sum_{t,s} \min(a_{ts}, c_{ts}), \qquad c_{ts} = \sum_{t' < t} a_{t's} $$

    over the number of valid target positions. Where the two are equal the gradient is
    the backend's own.

    Args:
        name, reduction, dtype: As for `ka.losses.WeightsLoss`.

    Call arguments: as for `ka.losses.WeightsLoss`.

    References:
        See, Liu & Manning 2017, arXiv 1704.04368, equations 10 and 12.

    Relative to the paper: it adds the loss with a factor, here Keras' `loss_weights`
    (1 there), and its code averages over the tokens of a sequence first and over
    sequences then; here over the tokens of the batch, as the cross-entropy.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> twice_the_same = np.array([[[1.0, 0.0], [1.0, 0.0]]], "float32")
    >>> float(ka.losses.CoverageLoss()(np.ones((1, 2, 2), bool), twice_the_same))
    0.5
    """

    def measure(self, weights: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        covered = ops.cumsum(weights, axis=2) - weights  # [B, H, T, S]
        losses = ops.sum(ops.minimum(weights, covered), axis=(2, 3))  # [B, H]
        return losses, counted_targets(labels)
