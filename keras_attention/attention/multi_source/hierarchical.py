r"""Hierarchical attention: over the contexts of several memories.

c_t^(k) = attend_k(q_t)                               one attention a memory
b_t     = alignment(score(q_t, U_b^(k) c_t^(k)))      over the K contexts
c_t     = sum_k b_tk U_c^(k) c_t^(k)
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops, tree

from keras_attention.attention.attention import Attention
from keras_attention.attention.base import AttentionLayer
from keras_attention.attention.memory import AttentionMemory
from keras_attention.attention.multi_source.memories import (
    MemoryProjections,
    attention_of,
    memories,
    memory_shapes,
)
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.ownership import claim
from keras_attention.layer_support.types import Initializer, Regularizer, Shape, Tensor


class HierarchicalMemory(NamedTuple):
    """What every attention has precomputed from its memory.

    Attributes:
        parts: A memory for each.
        known: `[B, K]` booleans, which of them have anything in a row.
    """

    parts: tuple[AttentionMemory, ...]
    known: Tensor

    @property
    def mask(self) -> Any:
        """`[B, S]` booleans, S the sum of all lengths."""
        return ops.concatenate([part.mask for part in self.parts], axis=1)


class HierarchicalState(NamedTuple):
    """What every attention carries or draws, and what the one over them does."""

    parts: tuple[Any, ...]
    over: Any = ()


@keras.saving.register_keras_serializable(package="keras_attention")
class HierarchicalAttention(AttentionLayer):
    r"""An attention for each of several memories, and one over their contexts.

    $$ c_t^{(k)} = \mathrm{attend}_k(q_t) \qquad
       b_t = \mathrm{attend}(q_t, U_b^{(k)} c_t^{(k)}) \qquad
       c_t = \sum_k b_{tk}\, U_c^{(k)} c_t^{(k)} $$

    and with `over=None` the contexts side by side, $[c_t^{(1)}; \dots; c_t^{(K)}]$.

    Works wherever `ka.Attention` does, in `ka.AttentionDecoder` too; `value` is then
    a list of K memories, whose lengths and depths may differ, and `value_mask` a list
    of their masks.

    Args:
        attentions: A list of K `ka.Attention` or presets, one for each memory, with
            the same number of heads.
        over: A `ka.Attention` or preset with one head, or None. The matrix that its
            score has for keys has rows for each memory: $U_b^{(k)}$.
        units: Depth of the context; with `over` only.
        share: Whether the keys are $U_c^{(k)} c_t^{(k)}$ too. For scores without a
            matrix for keys, such as `dot`, this is what makes depths agree.
        kernel_initializer, kernel_regularizer: As in `keras.layers.Dense`, for U_c.
        **layer: `name`, `dtype`, `trainable`.

    Weights: those of all attentions, and `projections/memory_0 [D_0, units]` and so on.

    Call arguments: as of `ka.FlatAttention`.

    Returns:
        `[B, T, units]` (`[B, units]`), and the weights `[B, T, S]` or `[B, H, T, S]`
        (`[B, S]`, `[B, H, S]`) when asked for, where S is the sum of all S_k. They
        are $b_{tk} a_{tj}^{(k)}$, how much of the context comes from a position, so
        that they mean what those of `ka.FlatAttention` do; the sum over the positions
        of a memory is $b_{tk}$ where its own attention's weights sum to 1. With
        `over=None` they are all $a_{tj}^{(k)}$. A row without a valid key in one
        memory looks at the others; without any, weights and context are 0.

    Raises:
        ValueError, TypeError: Wrong kinds, numbers, ranks, depths or masks, a `key`.

    Relative to the paper: any score and alignment at both levels; no sentinel. With
    `share`, scores that have a matrix for keys put it after $U_c^{(k)}$, where the
    paper has none.

    References:
        Libovický & Helcl 2017, arXiv 1704.06567 (hierarchical combination); side by
        side: Zoph & Knight 2016, arXiv 1601.00710.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.HierarchicalAttention(
    ...     [ka.BahdanauAttention(8), ka.LuongAttention("general")],
    ...     over=ka.BahdanauAttention(8),
    ...     units=6,
    ... )
    >>> memories = [np.ones((2, 5, 4)), np.ones((2, 3, 7))]
    >>> context, weights = attention(
    ...     np.ones((2, 9)), memories, return_attention_scores=True
    ... )
    >>> tuple(context.shape), tuple(weights.shape)
    ((2, 6), (2, 8))
    """

    memory_type = HierarchicalMemory

    def __init__(
        self,
        attentions: Sequence[Any],
        over: Any,
        units: int | None = None,
        share: bool = False,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        if not isinstance(attentions, (list, tuple)) or not attentions:
            raise TypeError(
                "`attentions` must be a list with an attention for every memory. "
                f"Received: attentions={attentions!r}"
            )
        self.attentions = [attention_of(x, "attentions") for x in attentions]
        self.over: Any = None if over is None else attention_of(over, "over")
        for part in self.attentions:
            claim(part, self, "attentions")
        held = [*self.attentions, self.over]
        if len({id(part) for part in held}) < len(held):
            raise ValueError(
                "`attentions` and `over` must be objects of their own. Received one "
                f"of them twice: {[part and part.name for part in held]}"
            )
        heads = {part.num_heads for part in self.attentions}
        if len(heads) > 1:
            raise ValueError(
                "`attentions` must have the same number of heads. "
                f"Received: {[part.num_heads for part in self.attentions]}"
            )
        self.num_heads = heads.pop()
        self.default_order = self.attentions[0].default_order
        self.projections: Any = None
        if self.over is not None:
            claim(self.over, self, "over")
            if self.over.num_heads != 1:
                raise ValueError(
                    "`over` must have one head. "
                    f"Received: over with num_heads={self.over.num_heads}"
                )
            self.projections = MemoryProjections(
                units,
                share,
                kernel_initializer,
                kernel_regularizer,
                dtype=self.dtype_policy,
                name="projections",
            )
        elif units is not None or share:
            raise ValueError(
                "`units` and `share` are for an attention over the contexts: expected "
                f"None and False with over=None. Received: units={units!r}, "
                f"share={share!r}"
            )
        self.supports_masking = True

    def build(self, query_shape: Shape, value_shape: Shape) -> None:
        shapes = memory_shapes(value_shape, len(self.attentions))
        query_shape = (query_shape[0], None, query_shape[-1])
        for part, shape in zip(self.attentions, shapes, strict=True):
            build_part(part, query_shape, shape)
        self.depths = [shape[-1] for shape in shapes]
        if self.over is not None:
            build_part(self.projections, [(None, None, n) for n in self.depths])
            value = (None, None, self.projections.units)
            key = (None, None, self.projections.key_depth)
            build_part(self.over, query_shape, value, key)

    def context_depth(self, value_shape: Shape) -> int:
        shapes = memory_shapes(value_shape, len(self.attentions))
        if self.projections is not None:
            return self.projections.units
        return sum(shape[-1] for shape in shapes)

    def initial_state(self, memory: HierarchicalMemory) -> HierarchicalState:
        pairs = zip(self.attentions, memory.parts, strict=True)
        parts = tuple(part.initial_state(own) for part, own in pairs)
        if self.over is None:
            return HierarchicalState(parts)
        rows = ops.shape(memory.known)[0]
        contexts = [ops.zeros((rows, n), self.compute_dtype) for n in self.depths]
        over = self._over_memory(contexts, memory.known)
        return HierarchicalState(parts, self.over.initial_state(over))

    def draw(
        self, query: Tensor, memory: HierarchicalMemory, training: bool
    ) -> HierarchicalState | None:
        if not training:
            return None
        pairs = zip(self.attentions, memory.parts, strict=True)
        parts = tuple(part.draw(query, own, True) for part, own in pairs)
        if self.over is None:
            return HierarchicalState(parts)
        contexts = AttentionMemory((), (), memory.known)
        return HierarchicalState(parts, self.over.draw(query, contexts, True))

    def weigh(
        self,
        query: Tensor,
        memory: HierarchicalMemory,
        state: HierarchicalState,
        drawn: HierarchicalState | None = None,
    ) -> tuple[Tensor, Tensor, HierarchicalState]:
        contexts, weights, parts = self._each(
            Attention.weigh, query, memory, state, drawn
        )
        if self.over is None:
            return (*_side_by_side(contexts, weights), HierarchicalState(parts))
        # Every query has contexts of its own: a row for each, with K positions.
        batch, targets = ops.shape(query)[:2]
        count = len(self.attentions)
        known = ops.expand_dims(memory.known, 1)  # [B, 1, K]
        known = ops.broadcast_to(known, (batch, targets, count))
        if drawn is not None:
            by_query = tree.map_structure(
                lambda x: _rows(ops.transpose(x, (0, 2, 1, 3)), x.shape[1], count),
                drawn.over,
            )  # [B * T, H, K]
            drawn = drawn._replace(over=by_query)
        context, shares, over = self._over(
            _rows(query, query.shape[-1]),
            [_rows(x, n) for x, n in zip(contexts, self.depths, strict=True)],
            _rows(known, count),
            state,
            drawn,
        )
        context = ops.reshape(context, (batch, targets, self.projections.units))
        shares = ops.reshape(shares, (batch, 1, targets, count))  # [B, 1, T, K]
        return context, _shared(weights, shares), HierarchicalState(parts, over)

    def advance(
        self,
        query: Tensor,
        memory: HierarchicalMemory,
        state: HierarchicalState,
        drawn: HierarchicalState | None = None,
    ) -> tuple[Tensor, Tensor, HierarchicalState]:
        contexts, weights, parts = self._each(
            Attention.advance, query, memory, state, drawn
        )
        if self.over is None:
            return (*_side_by_side(contexts, weights), HierarchicalState(parts))
        context, shares, over = self._over(query, contexts, memory.known, state, drawn)
        return context, _shared(weights, shares), HierarchicalState(parts, over)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        config = super().get_config() | {
            "attentions": [serialize(part) for part in self.attentions],
            "over": None if self.over is None else serialize(self.over),
        }
        return config | (self.projections.config() if self.projections else {})

    def memory_of(
        self,
        value: list[Tensor],
        key: Tensor = None,
        value_mask: list[Tensor] | None = None,
    ) -> HierarchicalMemory:
        pairs = memories(value, key, value_mask, len(self.attentions))
        parts = tuple(
            part.memory_of(own, None, mask)
            for part, (own, mask) in zip(self.attentions, pairs, strict=True)
        )
        known = [ops.any(part.mask, axis=-1) for part in parts]
        return HierarchicalMemory(parts, ops.stack(known, axis=1))  # [B, K]

    def _each(
        self,
        how: Callable[..., Any],
        query: Tensor,
        memory: HierarchicalMemory,
        state: HierarchicalState,
        drawn: HierarchicalState | None,
    ) -> Any:
        """Contexts, weights and states of the memories: a tuple of each."""
        draws = (None,) * len(self.attentions) if drawn is None else drawn.parts
        found = [
            how(part, query, own, before, draw)
            for part, own, before, draw in zip(
                self.attentions, memory.parts, state.parts, draws, strict=True
            )
        ]
        return tuple(zip(*found, strict=True))

    def _over(
        self,
        query: Tensor,
        contexts: Sequence[Tensor],
        known: Tensor,
        state: HierarchicalState,
        drawn: HierarchicalState | None,
    ) -> tuple[Tensor, Tensor, Any]:
        """Context, shares of the memories `[N, 1, K]` and the next state."""
        memory = self._over_memory(contexts, known)
        draws = None if drawn is None else drawn.over
        return self.over.advance(query, memory, state.over, draws)

    def _over_memory(
        self, contexts: Sequence[Tensor], known: Tensor
    ) -> AttentionMemory:
        """Contexts `[N, D_k]` as a memory of K positions, of which `known [N, K]`."""
        keys, values = self.projections(list(contexts))
        return self.over.memory_of(
            ops.stack(values, axis=1),  # [N, K, units]
            ops.stack(keys, axis=1),  # [N, K, Dk]
            known,
        )


def _rows(x: Tensor, *inner: int) -> Tensor:
    """`[B, T, ...]` to `[B * T, ...]`, of which the last dimensions are `inner`."""
    return ops.reshape(x, (-1, *inner))  # [B * T, ...]


def _side_by_side(
    contexts: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Contexts `[..., sum of D_k]` and weights `[..., S]` of all memories."""
    return ops.concatenate(contexts, axis=-1), ops.concatenate(weights, axis=-1)


def _shared(weights: Sequence[Tensor], shares: Tensor) -> Tensor:
    """Weights of every memory `[B, H, ..., S_k]`, times its share, side by side."""
    return ops.concatenate(
        [x * shares[..., k : k + 1] for k, x in enumerate(weights)], axis=-1
    )  # [B, H, ..., S]
