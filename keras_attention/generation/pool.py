"""Hypotheses that have ended, apart from those that go on."""

from typing import Any, NamedTuple

from keras import ops


class Pool(NamedTuple):
    """The best N ended hypotheses of every row, best first; all fields `[B, N]`.

    Attributes:
        rank: Rank scores, -inf in empty places.
        log_prob: Sums of log-probabilities, never penalised.
        finished: Whether the end symbol was reached (else the length limit).
        step: Index of the last token.
        slot: Slot of the hypothesis that the last token was added to.
        token: The last token.
    """

    rank: Any
    log_prob: Any
    finished: Any
    step: Any
    slot: Any
    token: Any


def empty_pool(batch_size: Any, size: int) -> Pool:
    """No hypotheses yet."""
    zeros = ops.zeros((batch_size, size), "int32")
    nothing = ops.full((batch_size, size), -float("inf"), "float32")
    return Pool(nothing, nothing, ops.cast(zeros, "bool"), zeros, zeros, zeros)


def add(pool: Pool, candidates: Pool) -> Pool:
    """The best of both, as many as `pool` holds.

    One that reached the end comes before any that was cut off.

    Args:
        pool: `[B, N]`.
        candidates: `[B, C]`, with rank -inf where there is none.
    """
    size = pool.rank.shape[1]
    merged = [
        ops.concatenate([ours, theirs], axis=1)
        for ours, theirs in zip(pool, candidates, strict=True)
    ]
    rank, finished = merged[0], merged[2]
    # Places in the order of the rank, then finished ones moved to the front:
    # adding a large number to the score instead would cost its digits.
    by_rank = ops.argsort(-rank, axis=1)  # [B, N + C]
    place = ops.argsort(by_rank, axis=1)
    count = rank.shape[1]
    late = ops.logical_not(finished)
    nothing = ops.equal(rank, -float("inf"))
    key = ops.cast(place, "int32") + count * (
        ops.cast(late, "int32") + 2 * ops.cast(nothing, "int32")
    )
    best = ops.argsort(key, axis=1)[:, :size]  # [B, N]
    return Pool(*(ops.take_along_axis(field, best, axis=1) for field in merged))
