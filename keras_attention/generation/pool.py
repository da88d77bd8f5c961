"""Hypotheses that have ended, apart from those that go on."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.generation.features import when

_NOTHING = -float("inf")


class Pool(NamedTuple):
    """The best N ended hypotheses of every row, best first; all fields `[B, N]`.

    Attributes:
        rank: Rank scores, -inf in empty places.
        log_prob: Sums of log-probabilities, never penalised.
        finished: Whether the end symbol was reached (else the length limit).
        step: Index of the last token.
        slot: Slot of the hypothesis that the last token was added to.
        token: The last token.
        group: Beam group, 0 where there are none.
    """

    rank: Any
    log_prob: Any
    finished: Any
    step: Any
    slot: Any
    token: Any
    group: Any


def empty_pool(batch_size: Any, size: int) -> Pool:
    """No hypotheses yet."""
    zeros = ops.zeros((batch_size, size), "int32")
    nothing = ops.full((batch_size, size), _NOTHING, "float32")
    none = ops.zeros((batch_size, size), "bool")
    return Pool(nothing, nothing, none, zeros, zeros, zeros, zeros)


def add(pool: Pool, candidates: Pool, grouped: Any, quota: Any) -> Pool:
    """The best of both, as many as `pool` holds.

    One that reached the end comes before any that was cut off. What is left out never
    comes back: by the exchange property of matroids it would be left out again.

    Args:
        pool: `[B, N]`.
        candidates: `[B, C]`, with rank -inf where there is none.
        grouped: Whether any row has several beam groups.
        quota: `[B, 1]` the most hypotheses of a group.
    """
    size = pool.rank.shape[1]
    merged = Pool(
        *(
            ops.concatenate([ours, theirs], axis=1)
            for ours, theirs in zip(pool, candidates, strict=True)
        )
    )
    # Two sorts: adding a large number to the score instead would cost its digits.
    by_rank = ops.argsort(-merged.rank, axis=1)  # [B, N + C]
    count = ops.shape(by_rank)[1]
    late = ops.cast(ops.logical_not(merged.finished), "int32")
    late = late + 2 * ops.cast(ops.equal(merged.rank, _NOTHING), "int32")
    key = ops.take_along_axis(late, by_rank, axis=1) * count
    key = key + ops.arange(count, dtype="int32")
    best = ops.take_along_axis(by_rank, ops.argsort(key, axis=1), axis=1)

    def within_quota() -> Any:
        rank = ops.take_along_axis(merged.rank, best, axis=1)  # [B, N + C]
        over = _over(ops.take_along_axis(merged.group, best, axis=1), rank, quota)
        key = ops.arange(count, dtype="int32") + count * ops.cast(over, "int32")
        order = ops.argsort(key, axis=1)[:, :size]  # [B, N]
        rank = ops.where(over, ops.full_like(rank, _NOTHING), rank)
        return (
            ops.take_along_axis(best, order, axis=1),
            ops.take_along_axis(rank, order, axis=1),
        )

    def all_of_them() -> Any:
        first = best[:, :size]  # [B, N]
        return first, ops.take_along_axis(merged.rank, first, axis=1)

    kept, rank = when(grouped, within_quota, all_of_them)
    fields = (ops.take_along_axis(field, kept, axis=1) for field in merged[1:])
    return Pool(rank, *fields)


def _over(group: Any, rank: Any, quota: Any) -> Any:
    """Which of the hypotheses `[B, C]`, best first, are too many of their group."""
    place = ops.arange(ops.shape(group)[1], dtype="int32")
    before = ops.expand_dims(place, 1) > ops.expand_dims(place, 0)  # [C, C]
    same = ops.equal(ops.expand_dims(group, 2), ops.expand_dims(group, 1))
    there = ops.expand_dims(rank > _NOTHING, 1)  # [B, 1, C]
    better = ops.logical_and(ops.logical_and(same, before), there)  # [B, C, C]
    return ops.sum(ops.cast(better, "int32"), axis=2) >= quota
