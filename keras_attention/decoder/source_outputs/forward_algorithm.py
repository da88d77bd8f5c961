"""Sums over every alignment, a step at a time: the forward algorithm, in logarithms.

In logarithms, since their gradients are bounded: those of probabilities overflow where
a token makes a place certain that was all but impossible before.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from keras import ops

from keras_attention.attention.alignments.valid_positions import (
    first_position,
    valid_before,
)
from keras_attention.decoder.source_outputs.marginal_state import MarginalMemory

Transitions: TypeAlias = Callable[[Any], Any]
"""A step's energies to its log-probabilities `[B, S, S]`, from row to column."""

# The logarithm of what is impossible; the sum of two is finite, and impossible too.
IMPOSSIBLE = -1e30
_POSSIBLE = -1e29


def log_sum(x: Any, axis: int) -> Any:
    """Log of the sum of exponentials; impossible, with gradient 0, where all are."""
    peak = ops.max(x, axis=axis, keepdims=True, initial=IMPOSSIBLE)
    peak = ops.stop_gradient(peak)
    exponentials = ops.where(x > _POSSIBLE, ops.exp(x - peak), ops.zeros_like(x))
    total = ops.sum(exponentials, axis=axis)
    some = total > 0
    logs = ops.log(ops.where(some, total, ops.ones_like(total)))
    lowest = ops.full_like(logs, IMPOSSIBLE)
    return ops.where(some, logs + ops.squeeze(peak, axis), lowest)


def normalized(x: Any) -> Any:
    """`x [..., S]` less the logarithm of its sum; impossible stays so."""
    whole = ops.expand_dims(log_sum(x, -1), -1)
    return ops.where(x > _POSSIBLE, x - whole, ops.full_like(x, IMPOSSIBLE))


def log_softmax_where(energies: Any, possible: Any) -> Any:
    """Log-probabilities `[..., S]`, of what is possible alone."""
    lowest = ops.cast(IMPOSSIBLE, energies.dtype)
    return normalized(ops.where(possible, energies, lowest))


def first_places(mask: Any, dtype: Any) -> Any:
    """Where attention is before the first step, logarithms `[B, S]`."""
    first = ops.squeeze(first_position(mask, 1, dtype), 1)  # [B, S]
    return (1.0 - first) * ops.cast(IMPOSSIBLE, dtype)


def transitions(
    memory: MarginalMemory, monotonic: bool, window: int | None
) -> Transitions:
    r"""$\log p(a_t = s \mid a_{t-1} = r)$ over one memory, of a step's energies.

    Args:
        memory: Of the source.
        monotonic: Whether attention never goes back.
        window: The longest jump, where energies are those of jumps `[B, W]`; None:
            they are those of places `[B, S]`.
    """
    place = valid_before(memory.mask, "int32")  # [B, S]
    jump = ops.expand_dims(place, 1) - ops.expand_dims(place, 2)  # [B, S, S]
    possible = ops.expand_dims(memory.mask, 1)  # [B, 1, S]
    if monotonic:
        possible = ops.logical_and(possible, jump >= 0)  # [B, S, S]
    if window is None:
        return lambda energies: log_softmax_where(
            ops.expand_dims(energies, 1), possible
        )
    possible = ops.logical_and(possible, ops.abs(jump) <= window)  # [B, S, S]
    index = ops.clip(jump + window, 0, 2 * window)

    def of_jumps(energies: Any) -> Any:
        energies = ops.expand_dims(energies, 1)  # [B, 1, W]
        energies = energies + ops.cast(memory.jumps, energies.dtype)  # [B, S, W]
        return log_softmax_where(ops.take_along_axis(energies, index, axis=2), possible)

    return of_jumps


def moved(places: Any, moves: Any) -> Any:
    """Places `[B, S]` through transitions `[B, S, S]`, from row to column."""
    return log_sum(ops.expand_dims(places, -1) + moves, 1)  # [B, S]


def filtered(places: Any, said: Any) -> Any:
    r"""$p(a_t \mid y_{\le t})$ of $p(a_t \mid y_{<t})$ and $p(y_t \mid a_t)$.

    All of them logarithms, `[B, S]`.
    """
    return normalized(places + said)


def mixture(places: Any, emissions: Any) -> Any:
    """Places `[..., S]` and what each of them says `[..., S, V]`, `[..., V]`."""
    return log_sum(ops.expand_dims(places, -1) + emissions, -2)


def of_ids(emissions: Any, ids: Any) -> Any:
    """`[..., S, V]` of the ids `[...]`, `[..., S]`.

    An id that is none of the V gives 0 everywhere, the logarithm of 1: whatever said
    it, every position is as likely as before.
    """
    # Not `one_hot`, which on torch ends with an error where an id is too large.
    tokens = ops.arange(emissions.shape[-1], dtype="int32")  # [V]
    wanted = ops.equal(ops.expand_dims(ids, -1), tokens)
    wanted = ops.expand_dims(ops.cast(wanted, emissions.dtype), -1)  # [..., V, 1]
    return ops.squeeze(ops.matmul(emissions, wanted), -1)  # [..., S]


def following(emissions: Any, previous_ids: Any) -> Any:
    """Of each step the emission of what the next one has as previous, `[B, T, S]`."""
    ids = ops.convert_to_tensor(previous_ids)
    # After the last step nothing follows, and nothing depends on it.
    ids = ops.concatenate([ids[:, 1:], ids[:, :1]], axis=1)  # [B, T]
    return of_ids(emissions, ids)
