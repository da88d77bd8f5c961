"""Attention for several hypotheses of each row over one memory."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention import Attention
from keras_attention.memory import AttentionMemory, AttentionState


class BeamAttention:
    """`Attention.advance` for `B * K` queries over the memory of `B` rows.

    The K hypotheses of a row are K queries of it: keys and values are never
    copied for them. A mechanism that carries a state is asked about one
    hypothesis after the other.

    Args:
        attention: The attention layer.
        beam_size: K.
    """

    def __init__(self, attention: Attention, beam_size: int) -> None:
        self.attention = attention
        self.beam_size = beam_size
        self.num_heads = attention.num_heads

    def advance(
        self,
        query: Any,
        memory: AttentionMemory,
        state: AttentionState,
        keep: Any = None,
    ) -> Any:
        """Context `[B * K, Dv]`, weights `[B * K, H, S]` and the next state."""
        query = self._by_beam(query)  # [B, K, Dq]
        if not keras.tree.flatten(state):
            context, weights = self.attention.weigh(query, memory, state)
            weights = ops.transpose(weights, (0, 2, 1, 3))  # [B, K, H, S]
            return self._flat(context), self._flat(weights), state
        by_beam = keras.tree.map_structure(self._by_beam, state)
        steps = [
            self.attention.advance(
                query[:, k],
                memory,
                keras.tree.map_structure(lambda x, k=k: x[:, k], by_beam),
            )
            for k in range(self.beam_size)
        ]
        context, weights, new = keras.tree.map_structure(
            lambda *parts: self._flat(ops.stack(parts, axis=1)), *steps
        )
        return context, weights, new

    def _by_beam(self, x: Any) -> Any:
        return ops.reshape(x, (-1, self.beam_size, *ops.shape(x)[1:]))

    def _flat(self, x: Any) -> Any:
        shape = ops.shape(x)
        return ops.reshape(x, (-1, *shape[2:]))
