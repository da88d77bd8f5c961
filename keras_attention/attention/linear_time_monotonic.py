r"""Hard monotonic attention in linear time: one key after the other.

$$ z_t = \min \{ s \ge z_{t-1} : \sigma(e_{ts} + r) > \tfrac{1}{2} \} $$

`MonotonicAlignment` needs the energies of all S keys at each of the T steps, S T of
them. Each step goes on where the last one stopped, so that a walk asks for T of them,
and for one more wherever it moves on: S + T in all.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.attention import scores
from keras_attention.attention.alignments.monotonic import MonotonicAlignment
from keras_attention.attention.attention import Attention
from keras_attention.attention.memory import AttentionMemory, AttentionState
from keras_attention.backend.gather import gather


class Walk(NamedTuple):
    """How far the walks of a batch have come.

    Attributes:
        place: `[B]` int32, how many valid positions lie before the one that was
            attended to; all of them where a walk has run off the end.
        energies: `[B]` int32, how many energies were asked for.
    """

    place: Any
    energies: Any


class WalkingAttention:
    """Takes the place of hard monotonic attention in a decoder's step.

    It gives the same contexts and weights. With several rows all walks are made side
    by side, and a step takes as long as the one that goes furthest.

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

    num_heads = 1

    def __init__(self, attention: Attention, memory: AttentionMemory) -> None:
        _check(attention)
        self.attention = attention
        self.memory = memory
        index = ops.arange(ops.shape(memory.mask)[1], dtype="int32")  # [S]
        later = ops.where(memory.mask, index, index + ops.shape(memory.mask)[1])
        # The valid positions in their order, then the others.
        self.positions = ops.cast(ops.argsort(later, axis=-1), "int32")  # [B, S]
        valid = ops.cast(memory.mask, "int32")
        self.count = ops.cast(ops.sum(valid, axis=-1), "int32")  # [B]

    def begin(self, state: Any) -> Any:
        """A decoder's first state, with walks that stand at the first position."""
        nothing = ops.zeros_like(self.count)
        walk = Walk(nothing, nothing)
        return state._replace(attention=AttentionState((), walk))

    def advance(
        self,
        query: Any,
        memory: AttentionMemory,
        state: AttentionState,
        drawn: Any = None,
    ) -> Any:
        """Context `[B, Dv]`, weights `[B, 1, S]` and the next state.

        Args:
            query: `[B, Dq]`.
            memory: That of the constructor.
            state: Its alignment's part is a `Walk`.
            drawn: None: this is not for training.
        """
        query = ops.expand_dims(query, 1)  # [B, 1, Dq]

        def going(place: Any, goes: Any, energies: Any) -> Any:
            return ops.any(goes)

        def look(place: Any, goes: Any, energies: Any) -> Any:
            stops = self._stops(query, self._position(place))  # [B]
            energies = energies + ops.cast(goes, "int32")
            goes = ops.logical_and(goes, ops.logical_not(stops))
            place = place + ops.cast(goes, "int32")
            return place, ops.logical_and(goes, place < self.count), energies

        walk = state.alignment
        first = (walk.place, walk.place < self.count, walk.energies)
        place, _, energies = ops.while_loop(going, look, first)
        found = place < self.count  # [B]
        position = self._position(place)
        context = _row(self.memory.values, position)  # [B, 1, 1, Dv]
        context = ops.reshape(context, (-1, context.shape[-1]))  # [B, Dv]
        there = ops.expand_dims(found, 1)  # [B, 1]
        context = ops.where(there, context, ops.zeros_like(context))
        index = ops.arange(ops.shape(self.positions)[1], dtype="int32")  # [S]
        attended = ops.equal(index, ops.expand_dims(position, 1))
        attended = ops.logical_and(attended, there)  # [B, S]
        weights = ops.expand_dims(ops.cast(attended, context.dtype), 1)  # [B, 1, S]
        return context, weights, AttentionState((), Walk(place, energies))

    def _position(self, place: Any) -> Any:
        """Where the valid position of each row stands, `[B]`; any, off the end."""
        last = ops.shape(self.positions)[1] - 1
        return gather(self.positions, ops.minimum(place, last), batch_axes=1)

    def _stops(self, query: Any, position: Any) -> Any:
        """Whether attention stops there, `[B]` booleans."""
        keys = keras.tree.map_structure(
            lambda x: _row(x, position), self.memory.keys
        )  # [B, 1, U] or [B, 1, 1, D]
        energies = self.attention.score.energies(query, keys, ())  # [B, 1, 1, 1]
        valid = ops.ones_like(ops.expand_dims(position, 1), "bool")  # [B, 1]
        stop, _ = self.attention.alignment.probabilities(energies, valid, hard=True)
        return ops.reshape(stop, ops.shape(position)) > 0


def _row(x: Any, position: Any) -> Any:
    """Of `x [B, S, U]` or `[B, 1, S, D]` a position for each row, the axes kept."""
    axis = len(x.shape) - 2
    rows = x if axis == 1 else ops.squeeze(x, 1)  # [B, S, ...]
    row = gather(rows, position, batch_axes=1)  # [B, ...]
    for _ in range(axis):
        row = ops.expand_dims(row, 1)
    return row


def _check(attention: Any) -> None:
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
