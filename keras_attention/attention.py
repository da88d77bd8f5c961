"""The wiring of attention: precompute, score, align, weigh, carry."""

from typing import Any

import keras
from keras import ops

from keras_attention import alignments, scores
from keras_attention.building import build_part
from keras_attention.functional_output import widest_output
from keras_attention.heads import check_heads, merge_heads, split_heads
from keras_attention.masks import as_mask, keep_where_masked, zero_where_masked
from keras_attention.memory import AttentionMemory, AttentionState
from keras_attention.ownership import claim
from keras_attention.precision import require_concrete
from keras_attention.scan import scan


@keras.saving.register_keras_serializable(package="keras_attention")
class Attention(keras.layers.Layer):
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
        score: Any,
        alignment: Any = "softmax",
        num_heads: int = 1,
        dropout: float = 0.0,
        seed: int | None = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        if not isinstance(num_heads, int) or num_heads < 1:
            raise ValueError(
                "`num_heads` must be a positive integer. "
                f"Received: num_heads={num_heads!r}"
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(
                f"`dropout` must be in [0, 1). Received: dropout={dropout!r}"
            )
        # Names get this layer's dtype policy; instances keep their own.
        made = {"dtype": self.dtype_policy}
        self.score = scores.get(score, **(made if isinstance(score, str) else {}))
        self.alignment = alignments.get(
            alignment, **(made if isinstance(alignment, str) else {})
        )
        if self.alignment.needs_log_weights and not self.score.log_weights:
            raise ValueError(
                f"{type(self.alignment).__name__} takes energies for logarithms of "
                "weights. Expected: a score whose energies are (gmm_v0, gmm_v1, "
                f"gmm_v2). Received: score={score!r}"
            )
        claim(self.score, self, "score")
        claim(self.alignment, self, "alignment")
        self.score.num_heads = num_heads * self.alignment.energies_per_head
        self.alignment.num_heads = num_heads
        self.num_heads = num_heads
        self.dropout = dropout
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed) if dropout > 0 else None
        self.supports_masking = True

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        self._check_ranks(query_shape, value_shape, key_shape)
        check_heads(value_shape[-1], self.num_heads, "the depth of the values")
        query_shape = (query_shape[0], None, query_shape[-1])
        build_part(self.score, query_shape, key_shape or value_shape)
        shapes = (query_shape, value_shape)
        build_part(self.alignment, *shapes[: 1 + self.alignment.sees_context])

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
    ) -> Any:
        self._check_ranks(query.shape, value.shape, None if key is None else key.shape)
        query_mask = as_mask(query_mask, "query_mask", like=query)
        single = len(query.shape) == 2
        if single:
            query = ops.expand_dims(query, 1)  # [B, 1, Dq]
            if query_mask is not None:
                query_mask = ops.expand_dims(query_mask, 1)  # [B, 1]
        memory = self._precompute(value, key, value_mask)
        context, weights = self.attend(query, memory, query_mask, training)
        if single:
            context = ops.squeeze(context, 1)  # [B, Dv]
        if not return_attention_scores:
            return context
        weights = self._public_weights(weights)  # [B, T, S] or [B, H, T, S]
        return context, ops.squeeze(weights, -2) if single else weights

    def precompute(self, value: Any, key: Any = None, value_mask: Any = None) -> Any:
        """Everything that depends on the source alone, once per sentence.

        Args:
            value: `[B, S, Dv]`.
            key: `[B, S, Dk]`, default `value`.
            value_mask: `[B, S]`, default: the mask that `value` carries, if any.

        Returns:
            `AttentionMemory`, a value to pass to `initial_state` and `step`.

        Raises:
            ValueError: The layer is not built, or an argument is symbolic.
        """
        self._check_built("precompute")
        require_concrete("precompute", value, key, value_mask)
        if value_mask is None:
            value_mask = getattr(value, "_keras_mask", None)
        return self._precompute(value, key, value_mask)

    def initial_state(self, memory: AttentionMemory) -> AttentionState:
        """The attention state before the first target step."""
        return AttentionState(
            score=self.score.initial_state(memory.keys, memory.mask),
            alignment=self.alignment.initial_state(memory.mask, self.num_heads),
        )

    def step(self, query: Any, memory: AttentionMemory, state: AttentionState) -> Any:
        """Attend with one query; deterministic, whatever the dropout.

        Args:
            query: `[B, Dq]`.
            memory: What `precompute` returned.
            state: What `initial_state` or the previous step returned.

        Returns:
            context `[B, Dv]`, weights `[B, S]` or `[B, H, S]`, the next state.

        Raises:
            ValueError: The layer is not built, or an argument is symbolic.
        """
        self._check_built("step")
        require_concrete("step", query, memory, state)
        query = ops.cast(ops.convert_to_tensor(query), self.compute_dtype)
        if len(query.shape) != 2:
            raise ValueError(
                "`query` must have rank 2: one query per row. "
                f"Received: query of shape {tuple(query.shape)}"
            )
        context, weights, state = self.advance(query, memory, state)
        return context, self._public_weights(weights), state

    def attend(
        self, query: Any, memory: AttentionMemory, query_mask: Any, training: bool
    ) -> Any:
        """All queries at once: context `[B, T, Dv]`, weights `[B, H, T, S]`."""
        query = zero_where_masked(query, query_mask)
        state = self.initial_state(memory)
        drawn = self.draw(query, memory, training)
        if not keras.tree.flatten(state):
            context, weights, _ = self.weigh(query, memory, state, drawn)
        else:
            context, weights = self._attend_in_order(
                query, memory, state, query_mask, drawn
            )
        if query_mask is not None:
            context = zero_where_masked(context, query_mask)
            rows = ops.expand_dims(ops.expand_dims(query_mask, 1), -1)  # [B,1,T,1]
            weights = ops.where(rows, weights, ops.zeros_like(weights))
        return context, weights

    def advance(
        self,
        query: Any,
        memory: AttentionMemory,
        state: AttentionState,
        drawn: Any = None,
    ) -> Any:
        """One query `[B, Dq]`: context, weights `[B, H, S]` and the next state.

        Args:
            drawn: This query's part of what `draw` gave.
        """
        rows = drawn and {name: ops.expand_dims(x, 2) for name, x in drawn.items()}
        context, weights, aligned = self.weigh(
            ops.expand_dims(query, 1), memory, state, rows
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

    def draw(self, query: Any, memory: AttentionMemory, training: bool) -> Any:
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

    @property
    def output(self) -> Any:
        return widest_output(self, super())

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "score": keras.saving.serialize_keras_object(self.score),
            "alignment": keras.saving.serialize_keras_object(self.alignment),
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "seed": self.seed,
        }

    def _precompute(self, value: Any, key: Any, value_mask: Any) -> AttentionMemory:
        value = ops.cast(ops.convert_to_tensor(value), self.compute_dtype)
        mask = as_mask(value_mask, "value_mask", like=value)
        value = zero_where_masked(value, mask)
        if key is None:
            key = value
        else:
            key = ops.cast(ops.convert_to_tensor(key), self.compute_dtype)
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
        self, query: Any, memory: AttentionMemory, state: Any, drawn: Any = None
    ) -> Any:
        """Queries `[B, T, Dq]` in one state.

        Args:
            drawn: What `draw` gave, None outside training.

        Returns:
            Context `[B, T, Dv]`, weights `[B, H, T, S]`, and the alignment's state
            as far as it is known without the context.
        """
        training, drawn = drawn is not None, drawn or {}
        energies = self.score.energies(query, memory.keys, state.score)  # [B, H, T, S]
        if "noise" in drawn:
            energies = energies + ops.cast(drawn["noise"], energies.dtype)
        weights, aligned = self.alignment.advance(
            energies, memory.mask, query, state.alignment, training
        )
        weights = ops.cast(weights, self.compute_dtype)
        kept = weights * drawn["keep"] if "keep" in drawn else weights
        context = merge_heads(ops.matmul(kept, memory.values))  # [B, T, Dv]
        return context, weights, aligned

    def _attend_in_order(
        self, query: Any, memory: Any, state: Any, query_mask: Any, drawn: Any
    ) -> Any:
        """Step through the queries: for parts that carry a state."""

        def step(carried: Any, inputs: dict[str, Any]) -> Any:
            context, weights, new = self.advance(
                inputs["query"], memory, AttentionState(*carried), inputs.get("drawn")
            )
            new = keep_where_masked(inputs.get("mask"), tuple(new), carried)
            return new, (context, weights)

        rows: dict[str, Any] = {"query": ops.swapaxes(query, 0, 1)}  # [T, B, Dq]
        if query_mask is not None:
            rows["mask"] = ops.swapaxes(query_mask, 0, 1)  # [T, B]
        if drawn is not None:
            rows["drawn"] = queries_first(drawn)
        _, (context, weights) = scan(step, tuple(state), rows)
        context = ops.swapaxes(context, 0, 1)  # [B, T, Dv]
        return context, ops.transpose(weights, (1, 2, 0, 3))  # [B, H, T, S]

    def _public_weights(self, weights: Any) -> Any:
        return ops.squeeze(weights, 1) if self.num_heads == 1 else weights

    def _check_built(self, method: str) -> None:
        if not self.built:
            raise ValueError(
                f"`{method}` needs a built layer: call {type(self).__name__} "
                f"{self.name!r} once, or `build(query_shape, value_shape)`."
            )

    def _check_ranks(self, query: Any, value: Any, key: Any) -> None:
        for argument, shape, ranks in (
            ("query", query, (2, 3)),
            ("value", value, (3,)),
            ("key", key, (3,)),
        ):
            if shape is not None and len(shape) not in ranks:
                raise ValueError(
                    f"`{argument}` must have rank {' or '.join(map(str, ranks))}. "
                    f"Received: {argument} of shape {tuple(shape)}"
                )


def queries_first(drawn: dict[str, Any]) -> dict[str, Any]:
    """What `Attention.draw` gave, `[B, H, T, S]`, as rows of a loop `[T, B, H, S]`."""
    return {name: ops.transpose(x, (2, 0, 1, 3)) for name, x in drawn.items()}
