"""When a row has its answers for certain."""

from typing import Any

from keras import ops

from keras_attention.generation.features import when
from keras_attention.generation.live import NOTHING, Live, own_slots
from keras_attention.generation.pool import Pool
from keras_attention.generation.ranking import upper_bound
from keras_attention.generation.rows import RowOptions


def cannot_improve(
    live: Live, pool: Pool, length: Any, rows: RowOptions, grouped: Any, quota: Any
) -> Any:
    """Rows whose answers no live hypothesis can change any more, `[B]` booleans.

    A row asks for its own number of alternatives, n. A live hypothesis matters as long
    as it could rank above the n-th ended one; and, where its group has brought all that
    it may bring, above the worst of these. Draws all run to their ends.

    Args:
        live: The hypotheses that go on.
        pool: Those that have ended.
        length: `[B, 1]` least length of a continuation.
        rows: The options.
        grouped: Whether any row has several beam groups.
        quota: `[B, 1]` the most answers of a group.
    """
    limit = ops.expand_dims(ops.cast(rows.limit, "float32"), -1)  # [B, 1]
    bound = upper_bound(live.score, length, ops.maximum(limit, length), rows)
    ended = ops.where(pool.finished, pool.rank, ops.full_like(pool.rank, NOTHING))
    last = ops.expand_dims(rows.alternatives, 1) - 1  # [B, 1]
    last = ops.minimum(last, ops.shape(pool.rank)[1] - 1)
    worst = ops.take_along_axis(ended, last, axis=1)  # [B, 1]
    worst = ops.where(
        ops.expand_dims(rows.sample, 1), ops.full_like(worst, NOTHING), worst
    )
    worst = ops.broadcast_to(worst, ops.shape(live.score))  # [B, K]

    def of_own_group() -> Any:
        batch_size, slots = ops.shape(live.score)
        group = ops.expand_dims(own_slots(batch_size, slots) // quota, 2)  # [B, K, 1]
        own = ops.logical_and(
            ops.equal(ops.expand_dims(pool.group, 1), group),
            ops.expand_dims(ended > NOTHING, 1),
        )  # [B, K, N]
        full = ops.sum(ops.cast(own, "int32"), axis=2) >= quota  # [B, K]
        ranks = ops.expand_dims(ended, 1)  # [B, 1, N]
        ranks = ops.where(own, ranks, ops.full_like(ranks, float("inf")))
        least = ops.min(ranks, axis=2, initial=float("inf"))  # [B, K]
        return ops.where(full, ops.maximum(least, worst), worst)

    worst = when(grouped, of_own_group, lambda: worst)
    alive = live.score > NOTHING  # [B, K]
    matters = ops.logical_and(alive, bound > worst)
    return ops.logical_not(ops.any(matters, axis=1))
