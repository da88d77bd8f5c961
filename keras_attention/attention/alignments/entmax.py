"""Alpha-entmax, alpha given or learned: Correia, Niculae & Martins 2019."""

from typing import Any

from keras import ops

from keras_attention.attention.alignments.base import Alignment, registry
from keras_attention.attention.alignments.simplex_threshold import (
    bisected,
    shifted,
    weights_above,
)
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import positive_number
from keras_attention.layer_support.types import Mask, Shape, State, Tensor

# A learned alpha stays in (1.01, 2): at 1 the power 1 / (alpha - 1) has no value.
_LEAST, _RANGE = 1.01, 0.99


@registry.register("entmax")
class EntmaxAlignment(Alignment):
    r"""Entmax: softmax at alpha 1, sparsemax at 2, and what lies between and beyond.

    $$ a_{ts} = \big[(\alpha - 1)\, e_{ts} - \tau(e_t)\big]_+^{1/(\alpha-1)} $$

    Args:
        alpha: Above 1, or None: learned, one for each head, between 1.01 and 2.

    Weights: `alpha_logit [H]` when learned, with
    $\alpha = 1.01 + 0.99\,\sigma(\text{alpha\_logit})$; it starts at 0, alpha 1.505.

    The threshold is found by bisection (algorithm 1 of Peters et al.) and one Newton
    step, through which gradients flow.

    Relative to the code of Correia et al.: it clips 1 + sigmoid at 1.01, where the
    gradient stops; here the sigmoid maps into that range.

    Raises:
        ValueError: `alpha` is not a number above 1.

    References:
        Peters, Niculae & Martins 2019, arXiv 1905.05702, equations 10 and 13; Correia,
        Niculae & Martins 2019, arXiv 1909.00015 (alpha learned, by its gradient).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> entmax = ka.alignments.EntmaxAlignment(alpha=2.0)
    >>> energies = np.array([[[[1.0, 0.5, -1.0]]]])
    >>> weights = entmax(energies, np.array([[True] * 3]), np.zeros((1, 1, 2)))
    >>> np.asarray(weights).ravel().round(6).tolist()
    [0.75, 0.25, 0.0]
    """

    masks_by_head = True

    def __init__(self, alpha: float | None = None, **layer: Any) -> None:
        super().__init__(**layer)
        self.alpha = positive_number("alpha", alpha, optional=True)
        if alpha is not None and alpha <= 1:
            raise ValueError(
                "`alpha` must be above 1 (at 1 it is softmax), or None to learn it. "
                f"Received: alpha={alpha!r}"
            )

    def build(self, query_shape: Shape) -> None:
        if self.alpha is None:
            heads = (self.num_heads,)
            self.alpha_logit = self.add_weight(
                name="alpha_logit", shape=heads, initializer="zeros"
            )

    def align(
        self, energies: Tensor, mask: Mask, query: Tensor, state: State
    ) -> Tensor:
        if (alpha := self.alpha) is None:
            logit = ops.reshape(self.alpha_logit, (1, -1, 1, 1))  # [1, H, 1, 1]
            logit = ops.cast(logit, at_least_float32(energies.dtype))
            alpha = _LEAST + _RANGE * ops.sigmoid(logit)
        x = shifted(energies, mask, alpha)  # [B, H, T, S]
        return weights_above(x, bisected(x, alpha), alpha, mask)
