"""Finished hypotheses, apart from those that go on."""

from typing import NamedTuple

from keras import ops, tree

from keras_attention.backend.gather import gather
from keras_attention.backend.sizes import size, when
from keras_attention.backend.top import top
from keras_attention.generation.options.features import Flag
from keras_attention.layer_support.types import Ids, Mask, Tensor

_NOTHING = -float("inf")


class FinishedHypotheses(NamedTuple):
    """The best N finished hypotheses of every row, best first; all fields `[B, N]`.

    Attributes:
        rank: Rank scores, -inf in empty places.
        log_prob: Sums of log-probabilities, never penalised.
        complete: Whether the end symbol was reached (else the length limit).
        step: Index of the last token.
        slot: Slot of the hypothesis that the last token was added to.
        token: The last token.
        group: Beam group, `()` where no row has several.
    """

    rank: Tensor
    log_prob: Tensor
    complete: Mask
    step: Tensor
    slot: Tensor
    token: Ids
    group: Tensor


def none_finished(batch_size: Tensor, size: int, grouped: Flag) -> FinishedHypotheses:
    """No hypotheses yet."""
    zeros = ops.zeros((batch_size, size), "int32")
    nothing = ops.full((batch_size, size), _NOTHING, "float32")
    none = ops.zeros((batch_size, size), "bool")
    group = () if grouped is False else zeros
    return FinishedHypotheses(nothing, nothing, none, zeros, zeros, zeros, group)


def add(
    finished: FinishedHypotheses,
    ending: FinishedHypotheses,
    grouped: Flag,
    quota: Tensor,
) -> FinishedHypotheses:
    """The best of both, as many as `finished` holds.

    One that reached the end comes before any that was cut off. What is left out never
    comes back: by the exchange property of matroids it would be left out again.

    Args:
        finished: `[B, N]`.
        ending: `[B, C]`, with rank -inf where there is none.
        grouped: Whether any row has several beam groups.
        quota: `[B, 1]` the most hypotheses of a group.
    """
    kept = finished.rank.shape[1]
    merged = tree.map_structure(
        lambda ours, theirs: ops.concatenate([ours, theirs], axis=1), finished, ending
    )  # [B, N + C]
    # Two sorts: adding a large number to the score instead would cost its digits.
    count = size(merged.rank, 1)
    _, by_rank = top(merged.rank, count)  # [B, N + C]
    order = ops.arange(count, dtype="int32")  # [N + C]
    late = ops.cast(~merged.complete, "int32")
    late = late + 2 * ops.cast(ops.equal(merged.rank, _NOTHING), "int32")
    key = gather(late, by_rank, batch_axes=1) * count + order
    best = gather(by_rank, ops.argsort(key, axis=1), batch_axes=1)  # [B, N + C]

    def within_quota() -> tuple[Tensor, Tensor]:
        rank = gather(merged.rank, best, batch_axes=1)  # [B, N + C]
        over = _over(gather(merged.group, best, batch_axes=1), rank, quota)
        key = order + count * ops.cast(over, "int32")
        first = ops.argsort(key, axis=1)[:, :kept]  # [B, N]
        rank = ops.where(over, _NOTHING, rank)
        return gather(best, first, batch_axes=1), gather(rank, first, batch_axes=1)

    def all_of_them() -> tuple[Tensor, Tensor]:
        first = best[:, :kept]  # [B, N]
        return first, gather(merged.rank, first, batch_axes=1)

    chosen, rank = when(grouped, within_quota, all_of_them)
    others = tree.map_structure(
        lambda field: gather(field, chosen, batch_axes=1), merged._replace(rank=())
    )
    return others._replace(rank=rank)


def _over(group: Tensor, rank: Tensor, quota: Tensor) -> Mask:
    """Which of the hypotheses `[B, C]`, best first, are too many of their group."""
    order = ops.arange(size(group, 1), dtype="int32")
    before = ops.expand_dims(order, 1) > ops.expand_dims(order, 0)  # [C, C]
    same = ops.equal(ops.expand_dims(group, 2), ops.expand_dims(group, 1))
    there = ops.expand_dims(rank > _NOTHING, 1)  # [B, 1, C]
    better = same & before & there  # [B, C, C]
    return ops.sum(ops.cast(better, "int32"), axis=2) >= quota
