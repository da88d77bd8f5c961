"""Attention for several hypotheses of each row over one memory."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base import AttentionLayer
from keras_attention.backend.loop import scan


class BeamAttention:
    """`AttentionLayer.advance` for `B * K` queries over the memory of `B` rows.

    The K hypotheses of a row are K queries of it: keys and values are never
    copied for them. A mechanism that carries a state is asked about one
    hypothesis after the other.

    Args:
        attention: The attention layer.
        beam_size: K, a number or a scalar of a graph.
    """

    def __init__(self, attention: AttentionLayer, beam_size: Any) -> None:
        self.attention = attention
        self.beam_size = beam_size
        self.num_heads = attention.num_heads

    def advance(
        self,
        query: Any,
        memory: Any,
        state: Any,
        drawn: Any = None,
    ) -> Any:
        """Context `[B * K, Dv]`, weights `[B * K, H, S]` and the next state."""
        query = self._by_beam(query)  # [B, K, Dq]
        if not keras.tree.flatten(state):
            context, weights, _ = self.attention.weigh(query, memory, state)
            weights = ops.transpose(weights, (0, 2, 1, 3))  # [B, K, H, S]
            return self._flat(context), self._flat(weights), state

        def of_one(carried: Any, hypothesis: Any) -> Any:
            own, carried_state = hypothesis
            return carried, self.attention.advance(own, memory, carried_state)

        by_beam = keras.tree.map_structure(self._by_beam, state)
        hypotheses = keras.tree.map_structure(
            lambda x: ops.swapaxes(x, 0, 1), (query, by_beam)
        )  # [K, B, ...]
        _, answers = scan(of_one, (), hypotheses)
        return keras.tree.map_structure(
            lambda x: self._flat(ops.swapaxes(x, 0, 1)), answers
        )

    def _by_beam(self, x: Any) -> Any:
        shape = ops.shape(x)
        return ops.reshape(x, (shape[0] // self.beam_size, self.beam_size, *shape[1:]))

    def _flat(self, x: Any) -> Any:
        shape = ops.shape(x)
        return ops.reshape(x, (shape[0] * shape[1], *shape[2:]))
