"""Coverage score: Tu et al. 2016, See et al. 2017."""

from typing import Any

from keras import ops

from keras_attention.attention.scores.additive_with_history import AdditiveWithHistory
from keras_attention.attention.scores.base import registry
from keras_attention.layer_support.types import Mask, Memory, Shape, State, Tensor


@registry.register("coverage")
class CoverageScore(AdditiveWithHistory):
    r"""Additive score that knows how much attention each position has had.

    $$ e_{ts} = v^\top \tanh(W_q q_t + W_k k_s + w_c\, c_{ts} + b),
       \qquad c_{ts} = \sum_{t' < t} a_{t's} $$

    Args:
        units: Depth U of the hidden layer. None takes the depth of the query.
        **additive: Further arguments of `AdditiveScore`, and of the layer. `use_bias`
            is True unless said otherwise, as in the papers.

    State: $c_t$, `[B, H, S]`, zeros before the first step; every head has its own.

    Weights: `additive/...` of `AdditiveScore`, and `w_c [U]`.

    Relative to the papers: See et al. are reproduced, but that padding is masked before
    the softmax, not after it. Of Tu et al. this is the linguistic coverage with d = 1
    and fertility 1; their neural coverage is a GRU. The coverage *loss* is
    `ka.losses`' affair, the coverage *penalty* that of generation.

    References:
        See, Liu & Manning 2017, arXiv 1704.04368, equations 10 and 11; Tu et al. 2016,
        arXiv 1601.04811 (linguistic coverage).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention(ka.scores.CoverageScore(units=8))
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    def __init__(self, units: int | None = None, **additive: Any) -> None:
        super().__init__(units, **additive)

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        super().build(query_shape, key_shape)
        self.w_c = self.add_weight(
            name="w_c",
            shape=self.additive.v.shape,
            initializer="glorot_uniform",
        )

    def initial_state(self, keys: Memory, mask: Mask) -> State:
        return self.no_weights(keys, mask)  # [B, H, S]

    def next_state(
        self, state: State, weights: Tensor, context: Tensor, query: Tensor
    ) -> State:
        return state + ops.cast(weights, state.dtype)

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        coverage = ops.transpose(ops.cast(state, keys.dtype), (0, 2, 1))  # [B, S, H]
        # Every head's coverage beside the units of that head.
        w_c = ops.cast(ops.reshape(self.w_c, (self.num_heads, -1)), keys.dtype)
        covered = ops.expand_dims(coverage, -1) * w_c  # [B, S, H, U/H]
        covered = ops.reshape(covered, ops.shape(keys))  # [B, S, U]
        return self.additive.energies(query, keys + covered, ())
