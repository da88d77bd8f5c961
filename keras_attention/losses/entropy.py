"""Entropy of the attention weights."""

import keras
from keras import ops

from keras_attention.layer_support.types import Tensor
from keras_attention.losses.base import WeightsLoss, counted_targets


@keras.saving.register_keras_serializable(package="keras_attention")
class EntropyLoss(WeightsLoss):
    r"""Entropy of the weights of each target position, in nats.

    $$ l_b = -\sum_{t,s} a_{ts} \log a_{ts} $$

    over the number of valid target positions. With a positive entry in `loss_weights`
    it sharpens the weights, with a negative one it spreads them. A weight of exactly 0
    adds 0 and has gradient 0 (the limit of the derivative is infinite).

    Args:
        name, reduction, dtype: As for `ka.losses.WeightsLoss`.

    Call arguments: as for `ka.losses.WeightsLoss`.

    References:
        Entropy minimisation as a regulariser: Grandvalet & Bengio 2004, NIPS 17; here
        of weights, not of class probabilities.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> even = np.full((1, 1, 4), 0.25, "float32")
    >>> float(ka.losses.EntropyLoss()(np.ones((1, 1, 4), bool), even))
    1.3862943649291992
    """

    def measure(self, weights: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        some = weights > 0
        logs = ops.log(ops.where(some, weights, ops.ones_like(weights)))
        losses = -ops.sum(weights * logs, axis=(2, 3))  # [B, H]
        return losses, counted_targets(labels)
