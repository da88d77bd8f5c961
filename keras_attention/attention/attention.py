"""Attention: a score and an alignment, wired together."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention import alignments, scores
from keras_attention.attention.base import AttentionLayer
from keras_attention.attention.heads import check_heads, merge_heads, split_heads
from keras_attention.attention.memory import AttentionMemory, AttentionState
from keras_attention.backend.deferred.products import step_context
from keras_attention.backend.masks import as_mask, zero_where_masked
from keras_attention.layer_support.argument_checks import (
    check_rank,
    number,
    positive_integer,
)
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.constructor_config import constructor_config
from keras_attention.layer_support.ownership import claim
from keras_attention.layer_support.types import Identifier, Mask, Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class Attention(AttentionLayer):
    r"""Attention of any score and any alignment.

    $$ e_{ts} = \mathrm{score}(q_t, k_s) \qquad
       a_t = \mathrm{alignment}(e_t) \qquad
       c_t = \sum_s a_{ts} v_s $$

    Args:
        score: Name, configuration or instance; see `ka.scores`.
        alignment: Name, configuration or instance; see `ka.alignments`.
        num_heads: H. Head h compares slice h of the score's hidden depth and
            weighs slice h of the values; there is no output projection.
        dropout: Fraction of the weights dropped in training. The weights that
            are returned, and the state, are those before dropout.
        seed: Seed of the dropout.
        **layer: `name`, `dtype`, `trainable`.

    Call arguments:
        query: `[B, T, Dq]`, or `[B, Dq]` for a single query.
        value: `[B, S, Dv]`.
        key: `[B, S, Dk]`, default `value`.
        query_mask: `[B, T]` (`[B]` for a single query), False rows give zeros.
        value_mask: `[B, S]`, False positions are never seen, whatever is there.
        return_attention_scores: Also return the weights.
        training: Whether dropout is active.

    Returns:
        `[B, T, Dv]` (`[B, Dv]`), and the weights `[B, T, S]` or `[B, H, T, S]`
        (`[B, S]`, `[B, H, S]`) when asked for. A row without a valid key has
        weights 0 and context 0.

    Raises:
        ValueError, TypeError: Unknown parts, wrong ranks or masks.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention("dot", num_heads=2)
    >>> context, weights = attention(
    ...     np.ones((1, 3, 4)), np.ones((1, 5, 4)), return_attention_scores=True
    ... )
    >>> tuple(context.shape), tuple(weights.shape)
    ((1, 3, 4), (1, 2, 3, 5))
    """

    def __init__(
        self,
        score: Identifier,
        alignment: Identifier = "softmax",
        num_heads: int = 1,
        dropout: float = 0.0,
        seed: int | None = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        num_heads = positive_integer("num_heads", num_heads)
        dropout = number("dropout", dropout, least=0, below=1)
        # Names get this layer's dtype policy; instances keep their own.
        self.score = scores.get(score, dtype=self.dtype_policy)
        self.alignment = alignments.get(alignment, dtype=self.dtype_policy)
        if self.alignment.needs_log_weights and not self.score.log_weights:
            raise ValueError(
                f"{type(self.alignment).__name__} takes energies for logarithms of "
                "weights. Expected: a score whose energies are "
                f"({', '.join(scores.registry.names(log_weights=True))}). "
                f"Received: score={score!r}"
            )
        claim(self.score, self, "score")
        claim(self.alignment, self, "alignment")
        self.score.with_heads(num_heads * self.alignment.energies_per_head)
        self.alignment.with_heads(num_heads)
        self.num_heads = num_heads
        self.dropout = dropout
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed) if dropout > 0 else None
        self.supports_masking = True

    def build(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        self._check_ranks(query=query_shape, value=value_shape, key=key_shape)
        check_heads(value_shape[-1], self.num_heads, "the depth of the values")
        query_shape = (query_shape[0], None, query_shape[-1])
        build_part(self.score, query_shape, key_shape or value_shape)
        self.alignment.build_for(query_shape, value_shape)

    def context_depth(self, value_shape: Shape) -> int:
        self._check_ranks(value=value_shape)
        return value_shape[-1]

    def initial_state(self, memory: AttentionMemory) -> AttentionState:
        return AttentionState(
            score=self.score.initial_state(memory.keys, memory.mask),
            alignment=self.alignment.initial_state(memory.mask, self.num_heads),
        )

    def advance(
        self,
        query: Tensor,
        memory: AttentionMemory,
        state: AttentionState,
        drawn: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, AttentionState]:
        if drawn is not None:
            drawn = {name: ops.expand_dims(x, 2) for name, x in drawn.items()}
        context, weights, aligned = self.weigh(
            ops.expand_dims(query, 1), memory, state, drawn
        )
        context = ops.squeeze(context, 1)  # [B, Dv]
        weights = ops.squeeze(weights, 2)  # [B, H, S]
        seen = weights
        if self.alignment.energies_per_head > 1:
            # Each head of the score sees the weights that it had a part in.
            seen = ops.concatenate([weights] * self.alignment.energies_per_head, 1)
        carried = AttentionState(
            score=self.score.next_state(state.score, seen, context, query),
            alignment=self.alignment.next_state(aligned, weights, context, query),
        )
        return context, weights, carried

    def draw(
        self, query: Tensor, memory: AttentionMemory, training: bool
    ) -> dict[str, Tensor] | None:
        """What is random in a call, drawn before any loop over its queries.

        Returns:
            None outside training. In training a dict, each entry where there is
            one: `keep [B, H, T, S]`, factors of the weights, and `noise`, to be
            added to energies.
        """
        if not training:
            return None
        batch, targets = ops.shape(query)[:2]
        positions = ops.shape(memory.mask)[1]
        drawn = {}
        if self.seed_generator is not None:
            drawn["keep"] = keras.random.dropout(
                ops.ones(
                    (batch, self.num_heads, targets, positions), self.compute_dtype
                ),
                self.dropout,
                seed=self.seed_generator,
            )
        shape = (batch, self.score.num_heads, targets, positions)
        noise = self.alignment.draw_noise(shape, self.compute_dtype)
        if noise is not None:
            drawn["noise"] = noise
        return drawn

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | constructor_config(self)

    def memory_of(
        self, value: Tensor, key: Tensor = None, value_mask: Mask = None
    ) -> AttentionMemory:
        if value_mask is None:
            value_mask = getattr(value, "_keras_mask", None)
        value = ops.cast(ops.convert_to_tensor(value), self.compute_dtype)
        self._check_ranks(value=value.shape)
        mask = as_mask(value_mask, "value_mask", like=value)
        value = zero_where_masked(value, mask)
        if key is None:
            key = value
        else:
            key = ops.cast(ops.convert_to_tensor(key), self.compute_dtype)
            self._check_ranks(key=key.shape)
            lengths = (key.shape[1], value.shape[1])
            if None not in lengths and lengths[0] != lengths[1]:
                raise ValueError(
                    "`key` must have as many positions as `value`. "
                    f"Expected: {lengths[1]}. "
                    f"Received: key of shape {tuple(key.shape)}"
                )
            key = zero_where_masked(key, mask)
        if mask is None:
            mask = ops.ones(ops.shape(value)[:2], "bool")
        return AttentionMemory(
            keys=self.score.precompute(key),
            values=split_heads(value, self.num_heads),
            mask=mask,
        )

    def weigh(
        self,
        query: Tensor,
        memory: AttentionMemory,
        state: AttentionState,
        drawn: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Any]:
        training, drawn = drawn is not None, drawn or {}
        energies = self.score.energies(query, memory.keys, state.score)  # [B, H, T, S]
        if "noise" in drawn:
            energies = energies + ops.cast(drawn["noise"], energies.dtype)
        weights, aligned = self.alignment.advance(
            energies, memory.mask, query, state.alignment, training
        )
        weights = ops.cast(weights, self.compute_dtype)
        kept = weights * drawn["keep"] if "keep" in drawn else weights
        context = merge_heads(step_context(kept, memory.values))  # [B, T, Dv]
        return context, weights, aligned

    def _check_ranks(self, **shapes: Shape | None) -> None:
        ranks = {"query": (2, 3), "value": (3,), "key": (3,)}
        for argument, shape in shapes.items():
            if shape is not None:
                check_rank(argument, shape, *ranks[argument])
