"""Concat score: Luong et al. 2015, section 3.1 (concat)."""

from typing import Any

from keras import ops

from keras_attention.attention.heads import check_heads
from keras_attention.attention.scores.base import registry
from keras_attention.attention.scores.kernel import KernelScore
from keras_attention.backend.additive.energies import additive_energies
from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.types import (
    Constraint,
    Initializer,
    Memory,
    Regularizer,
    Shape,
    State,
    Tensor,
)


@registry.register("concat")
class ConcatScore(KernelScore):
    r"""Additive score with one kernel over query and key together.

    $$ e_{ts} = v^\top \tanh(W [q_t; k_s]) $$

    The same function as `AdditiveScore` with $W = [W_q, W_k]$; what differs is the
    first value of W, whose fan-in is that of both, and that one regularizer or
    constraint holds for it as a whole.

    Args:
        units: Depth U of the hidden layer. None takes the depth of the query.
        kernel_initializer, kernel_regularizer, kernel_constraint: As in
            `keras.layers.Dense`; they also serve `v`.

    Weights: `kernel [Dq + Dk, U]`, the query's rows first, and `v [U]`. With heads,
    `units` divides by their number and head h has slice h of the units.

    Raises:
        ValueError: `units` is not a positive integer.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, section 3.1 (concat).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention(ka.scores.ConcatScore(units=8))
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    pairwise = True

    def __init__(
        self,
        units: int | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        **layer: Any,
    ) -> None:
        super().__init__(
            kernel_initializer, kernel_regularizer, kernel_constraint, **layer
        )
        self.units = positive_integer("units", units, optional=True)

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        units = self.units if self.units is not None else query_shape[-1]
        check_heads(units, self.num_heads, "`units`")
        self.query_depth = query_shape[-1]
        self.kernel = self.add_kernel("kernel", query_shape[-1] + key_shape[-1], units)
        self.v = self.add_kernel("v", units)

    def precompute(self, key: Tensor) -> Memory:
        kernel = ops.cast(self.kernel, key.dtype)[self.query_depth :]
        return ops.matmul(key, kernel)  # [B, S, U]

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        batch, targets, depth = ops.shape(query)
        kernel = ops.cast(self.kernel, query.dtype)[: self.query_depth]
        # Flat, as in `AdditiveScore`.
        flat = ops.matmul(ops.reshape(query, (-1, depth)), kernel)  # [B*T, U]
        projected = ops.reshape(flat, (batch, targets, ops.shape(keys)[-1]))
        return additive_energies(projected, keys, self.v, self.num_heads)
