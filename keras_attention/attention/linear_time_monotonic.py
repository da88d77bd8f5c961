r"""Linear-time monotonic attention: hard, and one key after the other.

$$ z_t = \min \{ s \ge z_{t-1} : \sigma(e_{ts} + r) > \tfrac{1}{2} \} $$

`MonotonicAlignment` needs the energies of all S keys at each of the T steps, S T of
them. Here a step goes on where the last one stopped, so that T steps ask for T of them,
and for one more wherever attention moves on: S + T in all.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.attention import scores
from keras_attention.attention.alignments.monotonic import MonotonicAlignment
from keras_attention.attention.alignments.valid_positions import valid_first
from keras_attention.attention.attention import Attention
from keras_attention.attention.memory import AttentionMemory, AttentionState
from keras_attention.backend.gather import gather
from keras_attention.layer_support.types import Nested, Tensor


class MonotonicPosition(NamedTuple):
    """How far attention has come in each row of a batch.

    Attributes:
        position: `[B]` int32, the one attended to, counted among the valid ones; as
            many as there are where attention has run off the end.
        energies: `[B]` int32, how many energies were asked for.
    """

    position: Tensor
    energies: Tensor


class WalkingAttention:
    """Takes the place of hard monotonic attention in a decoder's step.

    It gives the same contexts and weights. With several rows a step takes as long
    as the row that moves furthest.

    Args:
        attention: `ka.Attention` with the alignment `monotonic`, `mode="hard"`, one
            head, and a score whose energies depend on a query and a key alone
            (`pairwise`).
        memory: What `precompute` of it, or of its decoder, returned.

    Raises:
        TypeError, ValueError: It is another attention.

    References:
        Raffel, Luong, Liu, Weiss & Eck 2017, arXiv 1704.00784, section 2.2 and
        algorithm 1.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention("additive", "monotonic")
    >>> decoder = ka.AttentionDecoder(keras.layers.GRUCell(4), attention)
    >>> value = np.ones((1, 5, 3), "float32")
    >>> _ = decoder(np.ones((1, 2, 2), "float32"), value)
    >>> memory = decoder.precompute(value)
    >>> walking = ka.WalkingAttention(attention, memory)
    >>> step = decoder.stepper(memory, attention=walking)
    >>> state = walking.begin(decoder.initial_state(memory))
    >>> output, weights, state = step(np.ones((1, 2), "float32"), state)
    >>> tuple(weights.shape)
    (1, 5)
    """

    def __init__(self, attention: Attention, memory: AttentionMemory) -> None:
        _check(attention)
        self.attention = attention
        self.memory = memory
        self.positions = valid_first(memory.mask)  # [B, S]
        valid = ops.cast(memory.mask, "int32")
        self.count = ops.cast(ops.sum(valid, axis=-1), "int32")  # [B]

    def begin(self, state: Any) -> Any:
        """A decoder's first state, with attention at the first position."""
        first = MonotonicPosition(
            ops.zeros_like(self.count), ops.zeros_like(self.count)
        )
        return state._replace(attention=AttentionState((), first))

    def advance(
        self,
        query: Tensor,
        memory: AttentionMemory,
        state: AttentionState,
        drawn: Nested = None,
    ) -> tuple[Tensor, Tensor, AttentionState]:
        """Context `[B, Dv]`, weights `[B, 1, S]` and the next state.

        Args:
            query: `[B, Dq]`.
            memory: That of the constructor.
            state: Its alignment's part is a `MonotonicPosition`.
            drawn: None: this is not for training.
        """
        query = ops.expand_dims(query, 1)  # [B, 1, Dq]

        def any_moving(position: Tensor, moving: Tensor, energies: Tensor) -> Tensor:
            return ops.any(moving)

        def look(position: Tensor, moving: Tensor, energies: Tensor) -> Any:
            stops = self._stops(query, self._index(position))  # [B]
            energies = energies + ops.cast(moving, "int32")
            moving = ops.logical_and(moving, ops.logical_not(stops))
            position = position + ops.cast(moving, "int32")
            return position, ops.logical_and(moving, position < self.count), energies

        position, energies = state.alignment
        position, _, energies = ops.while_loop(
            any_moving, look, (position, position < self.count, energies)
        )
        found = ops.expand_dims(position < self.count, 1)  # [B, 1]
        index = self._index(position)
        context = _row(self.memory.values, index)  # [B, 1, 1, Dv]
        context = ops.reshape(context, (-1, context.shape[-1]))  # [B, Dv]
        context = ops.where(found, context, ops.zeros_like(context))
        indices = ops.arange(ops.shape(self.positions)[1], dtype="int32")  # [S]
        attended = ops.equal(indices, ops.expand_dims(index, 1))
        attended = ops.logical_and(attended, found)  # [B, S]
        weights = ops.expand_dims(ops.cast(attended, context.dtype), 1)  # [B, 1, S]
        carried = AttentionState((), MonotonicPosition(position, energies))
        return context, weights, carried

    def _index(self, position: Tensor) -> Tensor:
        """Where a valid position stands among all, `[B]`; anywhere, off the end."""
        last = ops.shape(self.positions)[1] - 1
        return gather(self.positions, ops.minimum(position, last), batch_axes=1)

    def _stops(self, query: Tensor, index: Tensor) -> Tensor:
        """Whether attention stops there, `[B]` booleans."""
        keys = keras.tree.map_structure(
            lambda x: _row(x, index), self.memory.keys
        )  # [B, 1, U] or [B, 1, 1, D]
        energies = self.attention.score.energies(query, keys, ())  # [B, 1, 1, 1]
        valid = ops.ones_like(ops.expand_dims(index, 1), "bool")  # [B, 1]
        stop, _ = self.attention.alignment.probabilities(energies, valid, hard=True)
        return ops.reshape(stop, ops.shape(index)) > 0


def _row(x: Tensor, index: Tensor) -> Tensor:
    """Of `x [B, S, U]` or `[B, 1, S, D]` a position for each row, the axes kept."""
    axis = len(x.shape) - 2
    rows = x if axis == 1 else ops.squeeze(x, 1)  # [B, S, ...]
    row = gather(rows, index, batch_axes=1)  # [B, ...]
    for _ in range(axis):
        row = ops.expand_dims(row, 1)
    return row


def _check(attention: Attention) -> None:
    if not isinstance(attention, Attention):
        raise TypeError(
            f"`attention` must be a ka.Attention. Received: attention={attention!r}"
        )
    alignment, score = attention.alignment, attention.score
    if not isinstance(alignment, MonotonicAlignment) or alignment.mode != "hard":
        raise ValueError(
            "Only hard monotonic attention goes from one key to the next. Expected: "
            'the alignment "monotonic" with mode="hard". Received: '
            f"alignment={type(alignment).__name__}, "
            f"mode={getattr(alignment, 'mode', None)!r}"
        )
    if attention.num_heads != 1:
        raise ValueError(
            "Every head would walk on its own. Expected: num_heads=1. "
            f"Received: num_heads={attention.num_heads}"
        )
    if not score.pairwise:
        raise ValueError(
            "One key at a time can only be asked about where an energy depends on "
            "the query and that key alone. Expected: a score with pairwise=True "
            f"({', '.join(scores.registry.names(pairwise=True))}). Received: "
            f"score={type(score).__name__}"
        )
