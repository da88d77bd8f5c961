"""The contract of an attention layer: what may be asked of any, whatever is inside."""

import abc
from typing import Any, Protocol

import keras
from keras import ops

from keras_attention.attention.list_form import named_arguments
from keras_attention.attention.memory import AttentionMemory
from keras_attention.backend.loop import scan, swap_time
from keras_attention.backend.masks import (
    as_mask,
    keep_where_masked,
    zero_rows,
    zero_where_masked,
)
from keras_attention.backend.precision import require_concrete
from keras_attention.backend.weights import public_weights
from keras_attention.layer_support.argument_checks import check_rank
from keras_attention.layer_support.building import require_built
from keras_attention.layer_support.composite_layer import CompositeLayer
from keras_attention.layer_support.state_check import StateCheck
from keras_attention.layer_support.types import (
    Mask,
    Memory,
    Nested,
    Shape,
    State,
    Tensor,
)


class StepAttention(Protocol):
    """What attends in a decoder's step: an attention layer or what takes its place."""

    def advance(
        self, query: Tensor, memory: Memory, state: State, drawn: Nested = None
    ) -> tuple[Tensor, Tensor, State]:
        """One query a row: context, weights `[B, H, S]` and the next state."""


class AttentionLayer(CompositeLayer, abc.ABC):
    """An attention: called on all queries, or stepped through them one by one.

    What `ka.AttentionDecoder` and the search take. Memory and state are values that
    only the layer itself looks into, but for `memory.mask`, `[B, S]` booleans.

    Attributes:
        num_heads: H of the weights.
        default_order: The decoder's order where none is named.
        memory_type: What its memory is.
    """

    num_heads: int
    default_order: str = "luong"
    memory_type: type = AttentionMemory

    def __init__(self, **layer: Any) -> None:
        super().__init__(**layer)
        self._state_check = StateCheck()

    @abc.abstractmethod
    def context_depth(self, value_shape: Shape) -> int:
        """Depth of the context for values of this shape.

        Raises:
            ValueError: Values of this shape cannot be attended to.
        """

    @abc.abstractmethod
    def memory_of(
        self, value: Nested, key: Tensor = None, value_mask: Nested = None
    ) -> Any:
        """`precompute` for other layers: for symbolic tensors too, unchecked."""

    @abc.abstractmethod
    def initial_state(self, memory: Memory) -> Any:
        """The attention state before the first target step."""

    @abc.abstractmethod
    def draw(self, query: Tensor, memory: Memory, training: bool) -> Any:
        """What is random in a call, drawn before any loop over its queries.

        Args:
            query: `[B, T, ...]`.

        Returns:
            None outside training. In training a structure of tensors `[B, H, T, S]`,
            whatever their H and S are.
        """

    @abc.abstractmethod
    def weigh(
        self, query: Tensor, memory: Memory, state: State, drawn: Nested = None
    ) -> tuple[Tensor, Tensor, State]:
        """Queries `[B, T, Dq]` in one state.

        Args:
            drawn: What `draw` gave, None outside training.

        Returns:
            Context `[B, T, Dv]`, weights `[B, H, T, S]`, and the state as far as it
            is known without the context.
        """

    @abc.abstractmethod
    def advance(
        self, query: Tensor, memory: Memory, state: State, drawn: Nested = None
    ) -> tuple[Tensor, Tensor, State]:
        """One query `[B, Dq]`: context, weights `[B, H, S]` and the next state.

        Args:
            drawn: This query's part of what `draw` gave.
        """

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        # As Keras' own attention layers are called: with a list, and masks in a list.
        if arguments and isinstance(arguments[0], (list, tuple)):
            return super().__call__(**named_arguments(*arguments, **named))
        if named.pop("mask", None) is not None:
            raise TypeError(
                "`mask` is for a call with a list, `mask=[query_mask, value_mask]`. "
                "Expected: `value_mask` (or `query_mask`). Received: mask"
            )
        return super().__call__(*arguments, **named)

    def call(
        self,
        query: Tensor,
        value: Nested,
        key: Tensor = None,
        query_mask: Mask = None,
        value_mask: Nested = None,
        return_attention_scores: bool = False,
        training: bool = False,
    ) -> Any:
        check_rank("query", query.shape, 2, 3)
        query_mask = as_mask(query_mask, "query_mask", like=query)
        single = len(query.shape) == 2
        if single:
            query = ops.expand_dims(query, 1)  # [B, 1, Dq]
            if query_mask is not None:
                query_mask = ops.expand_dims(query_mask, 1)  # [B, 1]
        memory = self.memory_of(value, key, value_mask)
        context, weights = self.attend(query, memory, query_mask, training)
        if single:
            context = ops.squeeze(context, 1)  # [B, Dv]
            weights = ops.squeeze(weights, 2)  # [B, H, S]
        return (
            (context, public_weights(weights)) if return_attention_scores else context
        )

    def compute_output_shape(
        self,
        query_shape: Shape,
        value_shape: Shape,
        key_shape: Shape | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Shape of the context, and that of the weights when asked for."""
        context = (*query_shape[:-1], self.context_depth(value_shape))
        if not return_attention_scores:
            return context
        heads = () if self.num_heads == 1 else (self.num_heads,)
        return context, (
            query_shape[0],
            *heads,
            *query_shape[1:-1],
            source_length(value_shape),
        )

    def precompute(
        self, value: Nested, key: Tensor = None, value_mask: Nested = None
    ) -> Any:
        """Everything that depends on the source alone, once per sentence.

        Args:
            value: `[B, S, Dv]`; where there are several memories, one for each.
            key: `[B, S, Dk]`, default `value`; for a single memory.
            value_mask: `[B, S]`, default: the mask that `value` carries, if any.

        Returns:
            The memory, a value to pass to `initial_state` and `step`.

        Raises:
            ValueError: The layer is not built, or an argument is symbolic.
        """
        self._check_built("precompute")
        require_concrete("precompute", value, key, value_mask)
        return self.memory_of(value, key, value_mask)

    def step(
        self, query: Tensor, memory: Memory, state: State
    ) -> tuple[Tensor, Tensor, Any]:
        """Attend with one query; deterministic, whatever the dropout.

        Args:
            query: `[B, Dq]`.
            memory: What `precompute` returned.
            state: What `initial_state` or the previous step returned.

        Returns:
            context `[B, Dv]`, weights `[B, S]` or `[B, H, S]`, the next state.

        Raises:
            ValueError: The layer is not built, an argument is symbolic, or the
                state is that of another mechanism or of a memory of another size.
        """
        self._check_built("step")
        require_concrete("step", query, memory, state)
        query = ops.cast(ops.convert_to_tensor(query), self.compute_dtype)
        check_rank("query", query.shape, 2)
        self._state_check(self.initial_state, memory, state)
        context, weights, state = self.advance(query, memory, state)
        return context, public_weights(weights), state

    def attend(
        self, query: Tensor, memory: Memory, query_mask: Mask, training: bool
    ) -> tuple[Tensor, Tensor]:
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
        return zero_where_masked(context, query_mask), zero_rows(weights, query_mask)

    def _attend_in_order(
        self,
        query: Tensor,
        memory: Memory,
        state: State,
        query_mask: Mask,
        drawn: Nested,
    ) -> tuple[Tensor, Tensor]:
        """Step through the queries: for parts that carry a state."""

        def step(before: State, row: dict[str, Any]) -> Any:
            context, weights, new = self.advance(
                row["query"], memory, before, row.get("drawn")
            )
            new = keep_where_masked(row.get("mask"), new, before)
            return new, (context, weights)

        rows = loop_rows(query=query, mask=query_mask) | drawn_rows(drawn)
        _, (context, weights) = scan(step, state, rows)
        return swap_time(context), weights_of_rows(weights)

    def _check_built(self, method: str) -> None:
        require_built(self, method, "query_shape, value_shape")


def source_length(value_shape: Shape) -> int | None:
    """S of the weights: that of the memory, or of all memories together."""
    several = isinstance(value_shape[0], (list, tuple))
    lengths = [x[1] for x in (value_shape if several else [value_shape])]
    return None if None in lengths else sum(lengths)


def loop_rows(**tensors: Tensor) -> dict[str, Tensor]:
    """Tensors `[B, T, ...]` as rows of a loop `[T, B, ...]`, without those of None."""
    return {name: swap_time(x) for name, x in tensors.items() if x is not None}


def drawn_rows(drawn: Nested) -> dict[str, Nested]:
    """What `AttentionLayer.draw` gave, `[B, H, T, S]`, as rows of a loop."""
    if drawn is None:
        return {}
    return {
        "drawn": keras.tree.map_structure(
            lambda x: ops.transpose(x, (2, 0, 1, 3)),  # [T, B, H, S]
            drawn,
        )
    }


def weights_of_rows(weights: Tensor) -> Tensor:
    """Weights of a loop's rows, `[T, B, H, S]`, as `[B, H, T, S]`."""
    return ops.transpose(weights, (1, 2, 0, 3))  # [B, H, T, S]
