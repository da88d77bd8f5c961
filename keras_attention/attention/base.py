"""What every attention can be asked, whatever it is made of."""

import abc
from typing import Any

import keras
from keras import ops

from keras_attention.backend.loop import scan
from keras_attention.backend.masks import as_mask, keep_where_masked, zero_where_masked
from keras_attention.backend.precision import require_concrete
from keras_attention.layer_support.building import require_built
from keras_attention.layer_support.functional_output import widest_output
from keras_attention.layer_support.state_check import StateForm


class AttentionLayer(keras.layers.Layer, abc.ABC):
    """An attention: called on all queries, or stepped through them one by one.

    What `ka.AttentionDecoder` and the search take. Memory and state are values that
    only the layer itself looks into, but for `memory.mask`, `[B, S]` booleans.

    Attributes:
        num_heads: H of the weights.
        default_order: The decoder's order where none is named.
        one_memory: Whether its memory is an `AttentionMemory`, with values.
    """

    num_heads: int
    default_order: str = "luong"
    one_memory: bool = True

    def __init__(self, **layer: Any) -> None:
        super().__init__(**layer)
        self._state_form = StateForm()

    @abc.abstractmethod
    def context_depth(self, value_shape: Any) -> int:
        """Depth of the context for values of this shape.

        Raises:
            ValueError: Values of this shape cannot be attended to.
        """

    @abc.abstractmethod
    def _precompute(self, value: Any, key: Any, value_mask: Any) -> Any:
        """`precompute`, for symbolic tensors too."""

    @abc.abstractmethod
    def initial_state(self, memory: Any) -> Any:
        """The attention state before the first target step."""

    @abc.abstractmethod
    def draw(self, query: Any, memory: Any, training: bool) -> Any:
        """What is random in a call, drawn before any loop over its queries.

        Args:
            query: `[B, T, ...]`.

        Returns:
            None outside training. In training a dict of tensors `[B, H, T, S]`,
            whatever their H and S are.
        """

    @abc.abstractmethod
    def weigh(self, query: Any, memory: Any, state: Any, drawn: Any = None) -> Any:
        """Queries `[B, T, Dq]` in one state.

        Args:
            drawn: What `draw` gave, None outside training.

        Returns:
            Context `[B, T, Dv]`, weights `[B, H, T, S]`, and the state as far as it
            is known without the context.
        """

    @abc.abstractmethod
    def advance(self, query: Any, memory: Any, state: Any, drawn: Any = None) -> Any:
        """One query `[B, Dq]`: context, weights `[B, H, S]` and the next state.

        Args:
            drawn: This query's part of what `draw` gave.
        """

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
        if len(query.shape) not in (2, 3):
            raise ValueError(
                "`query` must have rank 2 or 3. "
                f"Received: query of shape {tuple(query.shape)}"
            )
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
        return self._precompute(value, key, value_mask)

    def step(self, query: Any, memory: Any, state: Any) -> Any:
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
        if len(query.shape) != 2:
            raise ValueError(
                "`query` must have rank 2: one query per row. "
                f"Received: query of shape {tuple(query.shape)}"
            )
        self._state_form.check(self.initial_state, memory, state)
        context, weights, state = self.advance(query, memory, state)
        return context, self._public_weights(weights), state

    def attend(self, query: Any, memory: Any, query_mask: Any, training: bool) -> Any:
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

    @property
    def output(self) -> Any:
        return widest_output(self, super())

    def _attend_in_order(
        self, query: Any, memory: Any, state: Any, query_mask: Any, drawn: Any
    ) -> Any:
        """Step through the queries: for parts that carry a state."""

        def step(carried: Any, inputs: dict[str, Any]) -> Any:
            (before,) = carried
            context, weights, new = self.advance(
                inputs["query"], memory, before, inputs.get("drawn")
            )
            new = keep_where_masked(inputs.get("mask"), new, before)
            return (new,), (context, weights)

        rows: dict[str, Any] = {"query": ops.swapaxes(query, 0, 1)}  # [T, B, Dq]
        if query_mask is not None:
            rows["mask"] = ops.swapaxes(query_mask, 0, 1)  # [T, B]
        if drawn is not None:
            rows["drawn"] = queries_first(drawn)
        _, (context, weights) = scan(step, (state,), rows)
        context = ops.swapaxes(context, 0, 1)  # [B, T, Dv]
        return context, ops.transpose(weights, (1, 2, 0, 3))  # [B, H, T, S]

    def _public_weights(self, weights: Any) -> Any:
        return ops.squeeze(weights, 1) if self.num_heads == 1 else weights

    def _check_built(self, method: str) -> None:
        require_built(self, method, "query_shape, value_shape")


def queries_first(drawn: dict[str, Any]) -> dict[str, Any]:
    """What `AttentionLayer.draw` gave, `[B, H, T, S]`, as rows of a loop."""
    return {
        name: ops.transpose(x, (2, 0, 1, 3))  # [T, B, H, S]
        for name, x in drawn.items()
    }


def one_query(drawn: dict[str, Any] | None) -> dict[str, Any] | None:
    """A row of `queries_first`, `[B, H, S]`, as `weigh` takes it: `[B, H, 1, S]`."""
    if drawn is None:
        return None
    return {name: ops.expand_dims(x, 2) for name, x in drawn.items()}
