r"""Attention over the contexts of several memories, or all of them side by side.

c_t^(k) = attend_k(q_t)                               one attention a memory
b_t     = alignment(score(q_t, U_b^(k) c_t^(k)))      over the K contexts
c_t     = sum_k b_tk U_c^(k) c_t^(k)
"""

from typing import Any, NamedTuple

import keras
from keras import ops

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


class HierarchicalMemory(NamedTuple):
    """What every attention has precomputed from its memory.

    Attributes:
        parts: A memory for each.
        known: `[B, K]` booleans, which of them have anything in a row.
    """

    parts: tuple[AttentionMemory, ...]
    known: Any

    @property
    def mask(self) -> Any:
        """`[B, S]` booleans, S the sum of all lengths."""
        return ops.concatenate([part.mask for part in self.parts], axis=1)


class HierarchicalState(NamedTuple):
    """What every attention carries, and what the one over their contexts does."""

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

    one_memory = False

    def __init__(
        self,
        attentions: Any,
        over: Any,
        units: int | None = None,
        share: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
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

    def build(self, query_shape: Any, value_shape: Any) -> None:
        shapes = self._shapes(value_shape)
        query_shape = (query_shape[0], None, query_shape[-1])
        for part, shape in zip(self.attentions, shapes, strict=True):
            build_part(part, query_shape, shape)
        self.depths = [shape[-1] for shape in shapes]
        if self.over is not None:
            contexts = [(None, None, depth) for depth in self.depths]
            build_part(self.projections, contexts)
            value = (None, None, self.projections.units)
            key = (None, None, self.projections.key_depth)
            build_part(self.over, query_shape, value, key)

    def context_depth(self, value_shape: Any) -> int:
        shapes = self._shapes(value_shape)
        if self.projections is not None:
            return self.projections.units
        return sum(shape[-1] for shape in shapes)

    def initial_state(self, memory: HierarchicalMemory) -> HierarchicalState:
        parts = tuple(
            part.initial_state(own)
            for part, own in zip(self.attentions, memory.parts, strict=True)
        )
        if self.over is None:
            return HierarchicalState(parts)
        contexts = [
            ops.zeros((ops.shape(memory.known)[0], depth), self.compute_dtype)
            for depth in self.depths
        ]
        return HierarchicalState(
            parts, self.over.initial_state(self._over_memory(contexts, memory.known))
        )

    def draw(self, query: Any, memory: HierarchicalMemory, training: bool) -> Any:
        if not training:
            return None
        drawn = {}
        for place, (part, own) in self._by_place(memory).items():
            for name, x in part.draw(query, own, True).items():
                drawn[f"{place}/{name}"] = x
        return drawn

    def weigh(self, query: Any, memory: Any, state: Any, drawn: Any = None) -> Any:
        contexts, weights, parts = self._each(
            Attention.weigh, query, memory, state, drawn
        )
        if self.over is None:
            return (*_side_by_side(contexts, weights), HierarchicalState(parts))
        # Every query has contexts of its own: a row for each, with K positions.
        batch, targets = ops.shape(query)[:2]
        count, depth = len(self.attentions), self.projections.units
        known = ops.expand_dims(memory.known, 1)  # [B, 1, K]
        known = ops.broadcast_to(known, (batch, targets, count))
        own = _part_of(drawn, "over")
        if own is not None:
            own = {
                name: _rows(ops.transpose(x, (0, 2, 1, 3)), x.shape[1], count)
                for name, x in own.items()
            }  # [B * T, H, K]
        pairs = zip(contexts, self.depths, strict=True)
        context, shares, over = self.over.advance(
            _rows(query, query.shape[-1]),
            self._over_memory([_rows(*pair) for pair in pairs], _rows(known, count)),
            state.over,
            own,
        )
        context = ops.reshape(context, (batch, targets, depth))  # [B, T, units]
        shares = ops.reshape(shares, (batch, 1, targets, count))  # [B, 1, T, K]
        return context, _shared(weights, shares), HierarchicalState(parts, over)

    def advance(self, query: Any, memory: Any, state: Any, drawn: Any = None) -> Any:
        contexts, weights, parts = self._each(
            Attention.advance, query, memory, state, drawn
        )
        if self.over is None:
            return (*_side_by_side(contexts, weights), HierarchicalState(parts))
        context, shares, over = self.over.advance(
            query,
            self._over_memory(contexts, memory.known),
            state.over,
            _part_of(drawn, "over"),
        )
        return context, _shared(weights, shares), HierarchicalState(parts, over)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        config = super().get_config() | {
            "attentions": [serialize(part) for part in self.attentions],
            "over": None if self.over is None else serialize(self.over),
        }
        return config | (self.projections.config() if self.projections else {})

    def _precompute(self, value: Any, key: Any, value_mask: Any) -> HierarchicalMemory:
        pairs = memories(value, key, value_mask, len(self.attentions))
        parts = tuple(
            part._precompute(own, None, mask)
            for part, (own, mask) in zip(self.attentions, pairs, strict=True)
        )
        known = ops.stack(
            [ops.any(part.mask, axis=-1) for part in parts], axis=1
        )  # [B, K]
        return HierarchicalMemory(parts, known)

    def _over_memory(self, contexts: Any, known: Any) -> AttentionMemory:
        """Contexts `[N, D_k]` as a memory of K positions, of which `known [N, K]`."""
        keys, values = self.projections(list(contexts))
        return self.over._precompute(
            ops.stack(values, axis=1),  # [N, K, units]
            ops.stack(keys, axis=1),  # [N, K, Dk]
            known,
        )

    def _each(self, how: Any, query: Any, memory: Any, state: Any, drawn: Any) -> Any:
        """Contexts, weights and states of the memories: a tuple of each."""
        found = [
            how(part, query, own, before, _part_of(drawn, str(k)))
            for k, (part, own, before) in enumerate(
                zip(self.attentions, memory.parts, state.parts, strict=True)
            )
        ]
        return tuple(zip(*found, strict=True))

    def _shapes(self, value_shape: Any) -> list[tuple[Any, ...]]:
        shapes = memory_shapes(value_shape)
        if len(shapes) != len(self.attentions):
            raise ValueError(
                "`value` must be a list with an entry for every memory. "
                f"Expected: {len(self.attentions)} entries. "
                f"Received: {len(shapes)} of them"
            )
        return shapes

    def _by_place(self, memory: HierarchicalMemory) -> dict[str, Any]:
        """Every attention with its memory, by its name in what is drawn."""
        pairs = zip(self.attentions, memory.parts, strict=True)
        places: dict[str, Any] = {str(k): pair for k, pair in enumerate(pairs)}
        if self.over is not None:
            places["over"] = self.over, AttentionMemory((), (), memory.known)
        return places


def _part_of(drawn: dict[str, Any] | None, place: str) -> dict[str, Any] | None:
    """Of everything that was drawn, what is for the attention at one place."""
    if drawn is None:
        return None
    start = f"{place}/"
    own = {name: x for name, x in drawn.items() if name.startswith(start)}
    return {name.removeprefix(start): x for name, x in own.items()}


def _rows(x: Any, *inner: int) -> Any:
    """`[B, T, ...]` to `[B * T, ...]`, of which the last dimensions are `inner`."""
    return ops.reshape(x, (-1, *inner))  # [B * T, ...]


def _side_by_side(contexts: Any, weights: Any) -> tuple[Any, Any]:
    """Contexts `[..., D_k]` and weights `[..., S_k]` of all memories."""
    return (
        ops.concatenate(contexts, axis=-1),  # [..., sum of D_k]
        ops.concatenate(weights, axis=-1),  # [..., S]
    )


def _shared(weights: Any, shares: Any) -> Any:
    """Weights of every memory `[B, H, ..., S_k]`, times its share, side by side."""
    return ops.concatenate(
        [x * shares[..., k : k + 1] for k, x in enumerate(weights)], axis=-1
    )  # [B, H, ..., S]
