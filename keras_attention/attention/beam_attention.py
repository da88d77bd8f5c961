"""Attention of several hypotheses of each row over one memory."""

from keras import ops, tree

from keras_attention.attention.base import AttentionLayer
from keras_attention.backend.additive.energies import few_queries
from keras_attention.backend.loop import scan, swap_time
from keras_attention.backend.sizes import size
from keras_attention.layer_support.types import Memory, Nested, Size, State, Tensor


class BeamAttention:
    """`AttentionLayer.advance` for `B * K` queries over the memory of `B` rows.

    The K hypotheses of a row are K queries of it: keys and values are never
    copied for them. A mechanism that carries a state is asked about one
    hypothesis after the other.

    Args:
        attention: The attention layer.
        beam_size: K, a number or a scalar of a graph.
    """

    def __init__(self, attention: AttentionLayer, beam_size: Size) -> None:
        self.attention = attention
        self.beam_size = beam_size

    def advance(
        self, query: Tensor, memory: Memory, state: State, drawn: Nested = None
    ) -> tuple[Tensor, Tensor, State]:
        """Context `[B * K, Dv]`, weights `[B * K, H, S]` and the next state."""
        query = self._by_beam(query)  # [B, K, Dq]
        if not tree.flatten(state):
            with few_queries():
                context, weights, _ = self.attention.weigh(query, memory, state)
            weights = ops.transpose(weights, (0, 2, 1, 3))  # [B, K, H, S]
            return self._flat(context), self._flat(weights), state

        def of_one(carried: State, hypothesis: Nested) -> tuple[State, Nested]:
            own, before = hypothesis
            return carried, self.attention.advance(own, memory, before)

        by_beam = tree.map_structure(self._by_beam, state)
        hypotheses = tree.map_structure(swap_time, (query, by_beam))  # [K, B, ...]
        _, answers = scan(of_one, (), hypotheses)
        return tree.map_structure(lambda x: self._flat(swap_time(x)), answers)

    def _by_beam(self, x: Tensor) -> Tensor:
        """`[B * K, ...]` to `[B, K, ...]`."""
        return ops.reshape(x, (-1, self.beam_size, *_sizes(x, 1)))

    def _flat(self, x: Tensor) -> Tensor:
        """`[B, K, ...]` to `[B * K, ...]`."""
        return ops.reshape(x, (-1, *_sizes(x, 2)))


def _sizes(x: Tensor, first: int) -> list[Size]:
    """Of the axes from the first on."""
    return [size(x, axis) for axis in range(first, len(x.shape))]
