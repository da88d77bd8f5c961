"""Sparsemax: Martins & Astudillo 2016."""

from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.attention.alignments.simplex_threshold import (
    shifted,
    weights_above,
)
from keras_attention.layer_support.types import Mask, State, Tensor


@registry.register("sparsemax")
class SparsemaxAlignment(Alignment):
    r"""The point of the simplex that is nearest to the energies.

    $$ a_t = \arg\min_{p \in \Delta} \lVert p - e_t \rVert^2,
       \qquad a_{ts} = [e_{ts} - \tau(e_t)]_+ $$

    Energies far below the largest have weight exactly 0. The threshold comes from
    sorted energies (algorithm 1 of the paper); only valid positions take part.

    References:
        Martins & Astudillo 2016, arXiv 1602.02068, proposition 1 and algorithm 1.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> sparsemax = ka.alignments.get("sparsemax")
    >>> energies = np.array([[[[1.0, 0.5, -1.0]]]])
    >>> weights = sparsemax(energies, np.array([[True] * 3]), np.zeros((1, 1, 2)))
    >>> np.asarray(weights).ravel().tolist()
    [0.75, 0.25, 0.0]
    """

    masks_by_head = True

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        x = shifted(energies, mask, 2.0)  # [B, H, T, S]
        ordered = ops.flip(ops.sort(ops.stop_gradient(x), axis=-1), -1)
        sums = ops.cumsum(ordered, axis=-1)
        rank = ops.arange(1, ops.shape(x)[-1] + 1, dtype=x.dtype)  # [S]
        support = ops.cast(1.0 + rank * ordered > sums, x.dtype)
        size = ops.sum(support, axis=-1, keepdims=True)  # [B, H, T, 1], at least 1
        tau = (ops.sum(support * ordered, axis=-1, keepdims=True) - 1.0) / size
        return weights_above(x, tau, 2.0, mask)
