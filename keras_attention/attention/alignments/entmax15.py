"""1.5-entmax: Peters, Niculae & Martins 2019."""

from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.attention.alignments.simplex_threshold import (
    shifted,
    weights_above,
)
from keras_attention.layer_support.types import Mask, State, Tensor


@registry.register("entmax15")
class Entmax15Alignment(Alignment):
    r"""Entmax with alpha 1.5, half way from softmax to sparsemax.

    $$ a_{ts} = \big[e_{ts} / 2 - \tau(e_t)\big]_+^2 $$

    Exact, from sorted energies (algorithm 2 of the paper): sparse like sparsemax,
    smooth like softmax.

    References:
        Peters, Niculae & Martins 2019, arXiv 1905.05702, equation 13 and algorithm 2.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> entmax15 = ka.alignments.get("entmax15")
    >>> energies = np.array([[[[2.0, 2.0, -2.0]]]])
    >>> weights = entmax15(energies, np.array([[True] * 3]), np.zeros((1, 1, 2)))
    >>> np.asarray(weights).ravel().round(6).tolist()
    [0.5, 0.5, 0.0]
    """

    masks_by_head = True

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        x = shifted(energies, mask, 1.5)  # [B, H, T, S]
        ordered = ops.flip(ops.sort(ops.stop_gradient(x), axis=-1), -1)
        rank = ops.arange(1, ops.shape(x)[-1] + 1, dtype=x.dtype)  # [S]
        mean = ops.cumsum(ordered, axis=-1) / rank
        mean_square = ops.cumsum(ops.square(ordered), axis=-1) / rank
        spread = rank * (mean_square - ops.square(mean))
        # The threshold for every size of the support; the right size is the largest
        # whose least member is above it.
        tau = mean - ops.sqrt(ops.maximum((1.0 - spread) / rank, 0.0))
        support = ops.cast(tau <= ordered, "int32")
        size = ops.maximum(ops.sum(support, axis=-1, keepdims=True), 1)
        tau = ops.take_along_axis(tau, size - 1, axis=-1)  # [B, H, T, 1]
        return weights_above(x, tau, 1.5, mask)
