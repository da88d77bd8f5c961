"""General (bilinear) score: Luong et al. 2015, section 3.1 (general)."""

from typing import Any

from keras import ops

from keras_attention.attention.heads import check_heads, split_heads
from keras_attention.attention.scores.base import registry
from keras_attention.attention.scores.kernel import KernelScore
from keras_attention.attention.scores.scale import SCALES, add_scale_weight, scaled
from keras_attention.layer_support.argument_checks import one_of
from keras_attention.layer_support.types import (
    Constraint,
    Initializer,
    Memory,
    Regularizer,
    Shape,
    State,
    Tensor,
)


@registry.register("general")
class GeneralScore(KernelScore):
    r"""General score, also called bilinear or multiplicative.

    $$ e_{ts} = c \; q_t^\top (W^\top k_s) = c \; (W q_t)^\top k_s $$

    Args:
        scale: None ($c = 1$, the paper), `"sqrt"` ($c = 1/\sqrt{D}$ with D the
            depth of a head) or `"learned"` (a scalar weight `g`, starts at 1).
        side: What W is multiplied with: `"memory"`, once for every position of a
            sentence, or `"query"`, once for every target step and head. The weights
            and the numbers are the same; the query's side costs less where the
            target is much shorter than the source.
        kernel_initializer, kernel_regularizer, kernel_constraint: As in
            `keras.layers.Dense`.

    Weights: `kernel [Dk, Dq]` on either side, and `g []` where learned. With heads,
    the depth of the query divides by their number and head h is the score over slice
    h of it.

    Raises:
        ValueError: Unknown scale or side.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, section 3.1 (general).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> tuple(ka.Attention("general")(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    pairwise = True

    def __init__(
        self,
        scale: str | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        side: str = "memory",
        **layer: Any,
    ) -> None:
        super().__init__(
            kernel_initializer, kernel_regularizer, kernel_constraint, **layer
        )
        self.side = one_of("side", side, ("memory", "query"))
        self.scale = one_of("scale", scale, SCALES)

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        check_heads(query_shape[-1], self.num_heads, "the depth of the query")
        self.kernel = self.add_kernel("kernel", key_shape[-1], query_shape[-1])
        self.g = add_scale_weight(self, self.scale)

    def precompute(self, key: Tensor) -> Memory:
        if self.side == "query":
            return key  # [B, S, Dk]
        keys = ops.matmul(key, ops.cast(self.kernel, key.dtype))  # [B, S, Dq]
        return split_heads(keys, self.num_heads)  # [B, H, S, Dq/H]

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        query = split_heads(query, self.num_heads)  # [B, H, T, Dq/H]
        query = scaled(query, self.scale, self.g, query.shape[-1])
        if self.side == "query":
            return self._against_keys(query, keys)
        return ops.matmul(query, ops.swapaxes(keys, -1, -2))  # [B, H, T, S]

    def _against_keys(self, query: Tensor, keys: Tensor) -> Tensor:
        """Energies of queries `[B, H, T, Dq/H]` and keys `[B, S, Dk]`."""
        batch, heads, targets, depth = ops.shape(query)
        kernel = ops.cast(self.kernel, query.dtype)  # [Dk, Dq]
        # Flat, and a product for each head, as in `LocationSensitiveScore`.
        parts = ops.split(kernel, self.num_heads, axis=-1)  # H of [Dk, Dq/H]
        projected = [
            ops.matmul(ops.reshape(query[:, head], (-1, depth)), ops.transpose(part))
            for head, part in enumerate(parts)
        ]  # H of [B*T, Dk]
        shape = (batch, targets, kernel.shape[0])
        rows = ops.concatenate(
            [ops.reshape(x, shape) for x in projected], axis=1
        )  # [B, H*T, Dk]
        energies = ops.matmul(rows, ops.swapaxes(keys, 1, 2))  # [B, H*T, S]
        return ops.reshape(energies, (batch, heads, targets, ops.shape(keys)[1]))
