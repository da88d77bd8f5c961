"""When a row has its answers for certain."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.backend.gather import gather
from keras_attention.generation.options.features import Needs, when
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.penalties import normalizer, upper_bound
from keras_attention.generation.search.finished import Pool
from keras_attention.generation.search.hypotheses import NOTHING, Live


class Goal(NamedTuple):
    """What a row has to reach, the same at every step; all `[B, 1]`.

    Attributes:
        longest: Most tokens.
        divisor: What log-probabilities of so many tokens are divided by.
        place: The last place of the pool that an answer is asked for.
    """

    longest: Any
    divisor: Any
    place: Any


def goal(rows: RowOptions, places: int) -> Goal:
    """The goal of every row, for a pool of so many places."""
    longest = ops.expand_dims(ops.cast(rows.limit, "float32"), -1)
    place = ops.minimum(rows.alternatives, places) - 1
    return Goal(longest, normalizer(longest, rows), ops.expand_dims(place, 1))


def cannot_improve(
    live: Live,
    pool: Pool,
    length: Any,
    rows: RowOptions,
    goal: Goal,
    needs: Needs,
    group: Any,
    quota: Any,
) -> Any:
    """Rows whose answers no live hypothesis can change any more, `[B]` booleans.

    A row asks for its own number of alternatives, n. A live hypothesis matters as long
    as it could rank above the n-th ended one; and, where its group has brought all that
    it may bring, above the worst of these. Draws all run to their ends.

    Args:
        live: The hypotheses that go on.
        pool: Those that have ended.
        length: `[1, 1]` least length of a continuation.
        rows: The options.
        goal: What they have to reach.
        needs: Whether any row has several beam groups.
        group: `[B, K]` the group of every slot.
        quota: `[B, 1]` the most answers of a group.
    """
    bound = upper_bound(live.score, length, goal.longest, goal.divisor, rows)  # [B, K]
    ended = ops.where(pool.finished, pool.rank, NOTHING)  # [B, N]
    worst = gather(ended, goal.place, batch_axes=1)  # [B, 1]
    worst = ops.where(ops.expand_dims(rows.sample, 1), NOTHING, worst)
    worst = ops.zeros_like(live.log_prob) + worst  # [B, K]

    def of_own_group() -> Any:
        own = ops.logical_and(
            ops.equal(ops.expand_dims(pool.group, 1), ops.expand_dims(group, 2)),
            ops.expand_dims(ended > NOTHING, 1),
        )  # [B, K, N]
        full = ops.sum(ops.cast(own, "int32"), axis=2) >= quota  # [B, K]
        ranks = ops.where(own, ops.expand_dims(ended, 1), float("inf"))  # [B, K, N]
        least = ops.min(ranks, axis=2, initial=float("inf"))  # [B, K]
        return ops.where(full, ops.maximum(least, worst), worst)

    worst = when(needs.grouped, of_own_group, lambda: worst)
    matters = ops.logical_and(live.score > NOTHING, bound > worst)  # [B, K]
    return ops.logical_not(ops.any(matters, axis=1))
