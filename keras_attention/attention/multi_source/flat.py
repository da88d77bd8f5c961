r"""Flat attention over several memories: one distribution over all positions.

e_tj^(k) = score(q_t, U_a^(k) h_j^(k))
a_t      = alignment(e_t^(1), ..., e_t^(K))
c_t      = sum_k sum_j a_tj^(k) U_c^(k) h_j^(k)
"""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base import AttentionLayer
from keras_attention.attention.heads import check_heads
from keras_attention.attention.memory import AttentionMemory, AttentionState
from keras_attention.attention.multi_source.memories import (
    MemoryProjections,
    attention_of,
    memories,
    memory_shapes,
)
from keras_attention.backend.masks import as_mask, zero_where_masked
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.ownership import claim
from keras_attention.layer_support.types import Initializer, Regularizer, Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class FlatAttention(AttentionLayer):
    r"""One attention over the positions of several memories.

    $$ e_{tj}^{(k)} = \mathrm{score}(q_t, U_a^{(k)} h_j^{(k)}) \qquad
       a_t = \mathrm{alignment}(e_t^{(1)}, \dots, e_t^{(K)}) \qquad
       c_t = \sum_k \sum_j a_{tj}^{(k)} U_c^{(k)} h_j^{(k)} $$

    Works wherever `ka.Attention` does, in `ka.AttentionDecoder` too; `value` is then
    a list of K memories, whose lengths and depths may differ, and `value_mask` a list
    of their masks.

    Args:
        attention: A `ka.Attention` or preset: the score, the alignment, the heads and
            the dropout. The matrix that its score has for keys (`additive`, `concat`,
            `general` and those made of them) has rows for each memory: $U_a^{(k)}$.
        units: Depth of the context.
        share: Whether the keys are $U_c^{(k)} h_j^{(k)}$ too. For scores without a
            matrix for keys, such as `dot`, this is what makes depths agree.
        kernel_initializer, kernel_regularizer: As in `keras.layers.Dense`, for U_c.
        **layer: `name`, `dtype`, `trainable`.

    Weights: those of the attention, and `projections/memory_0 [D_0, units]` and so on.

    Call arguments:
        query: `[B, T, Dq]`, or `[B, Dq]` for a single query.
        value: A list of `[B, S_k, D_k]`.
        query_mask: `[B, T]` (`[B]` for a single query), False rows give zeros.
        value_mask: A list of `[B, S_k]` or None; default the masks that the values
            carry.
        return_attention_scores: Also return the weights.
        training: Whether dropout is active.

    Returns:
        `[B, T, units]` (`[B, units]`), and the weights `[B, T, S]` or `[B, H, T, S]`
        (`[B, S]`, `[B, H, S]`) when asked for, where S is the sum of all S_k: the
        first memory's positions come first. They are one tensor, since they are one
        distribution, and so are at home wherever weights go (losses, search,
        pictures); `keras.ops.split` at the lengths gives each memory its own. A row
        without a valid key in one memory looks at the others; without any, weights
        and context are 0.

    Raises:
        ValueError, TypeError: Wrong kinds, ranks, depths or masks, a `key`.

    Relative to the paper: any score and alignment; no sentinel. With `share`, scores
    that have a matrix for keys put it after $U_c^{(k)}$, where the paper has none.

    References:
        Libovický & Helcl 2017, arXiv 1704.06567 (flat combination).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.FlatAttention(ka.BahdanauAttention(8), units=6)
    >>> memories = [np.ones((2, 5, 4)), np.ones((2, 3, 7))]
    >>> context, weights = attention(
    ...     np.ones((2, 9)), memories, return_attention_scores=True
    ... )
    >>> tuple(context.shape), tuple(weights.shape)
    ((2, 6), (2, 8))
    """

    def __init__(
        self,
        attention: Any,
        units: int,
        share: bool = False,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        attention = attention_of(attention, "attention")
        claim(attention, self, "attention")
        self.attention = attention
        self.num_heads = attention.num_heads
        self.default_order = attention.default_order
        self.projections = MemoryProjections(
            units,
            share,
            kernel_initializer,
            kernel_regularizer,
            dtype=self.dtype_policy,
            name="projections",
        )
        check_heads(units, self.num_heads, "`units`")
        self.supports_masking = True

    def build(self, query_shape: Shape, value_shape: Shape) -> None:
        shapes = memory_shapes(value_shape)
        build_part(self.projections, shapes)
        batch = query_shape[0]
        build_part(
            self.attention,
            (batch, None, query_shape[-1]),
            (batch, None, self.projections.units),
            (batch, None, self.projections.key_depth),
        )

    def context_depth(self, value_shape: Shape) -> int:
        memory_shapes(value_shape)
        return self.projections.units

    def initial_state(self, memory: AttentionMemory) -> AttentionState:
        return self.attention.initial_state(memory)

    def draw(self, query: Tensor, memory: AttentionMemory, training: bool) -> Any:
        return self.attention.draw(query, memory, training)

    def weigh(
        self, query: Tensor, memory: Any, state: Any, drawn: Any = None
    ) -> tuple[Tensor, Tensor, Any]:
        return self.attention.weigh(query, memory, state, drawn)

    def advance(
        self, query: Tensor, memory: Any, state: Any, drawn: Any = None
    ) -> tuple[Tensor, Tensor, AttentionState]:
        return self.attention.advance(query, memory, state, drawn)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "attention": keras.saving.serialize_keras_object(self.attention),
            **self.projections.config(),
        }

    def memory_of(
        self,
        value: list[Tensor],
        key: Tensor = None,
        value_mask: list[Tensor] | None = None,
    ) -> AttentionMemory:
        values, masks = [], []
        count = len(self.projections.depths)
        for own, mask in memories(value, key, value_mask, count):
            own = ops.cast(ops.convert_to_tensor(own), self.compute_dtype)
            mask = as_mask(mask, "value_mask", like=own)
            # Before the projection: what is at padding must not reach its gradient.
            values.append(zero_where_masked(own, mask))
            valid = ops.ones(ops.shape(own)[:2], "bool") if mask is None else mask
            masks.append(valid)
        keys, values = self.projections(values)
        return self.attention.memory_of(
            ops.concatenate(values, axis=1),  # [B, S, units]
            ops.concatenate(keys, axis=1),  # [B, S, Dk]
            ops.concatenate(masks, axis=1),  # [B, S]
        )
