"""Stopping rule: when a row has its answers for certain."""

from typing import NamedTuple

from keras import ops

from keras_attention.backend.gather import gather
from keras_attention.backend.sizes import when
from keras_attention.generation.options.features import Features
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.penalties import normalizer, upper_bound
from keras_attention.generation.search.finished import FinishedHypotheses
from keras_attention.generation.search.hypotheses import NOTHING, Grid, Hypotheses
from keras_attention.layer_support.types import Mask, Tensor


class StoppingRule(NamedTuple):
    """What a row's answers are compared with, the same at every step; all `[B, 1]`.

    Attributes:
        longest: Most tokens.
        divisor: What log-probabilities of so many tokens are divided by.
        worst: Where the worst answer asked for is among the finished hypotheses.
    """

    longest: Tensor
    divisor: Tensor
    worst: Tensor


def stopping_rule(rows: RowOptions, answers: int) -> StoppingRule:
    """The rule of every row, where no row has more answers."""
    longest = ops.expand_dims(ops.cast(rows.limit, "float32"), -1)
    worst = ops.minimum(rows.alternatives, answers) - 1  # [B]
    return StoppingRule(longest, normalizer(longest, rows), ops.expand_dims(worst, 1))


def cannot_improve(
    hypotheses: Hypotheses,
    finished: FinishedHypotheses,
    length: Tensor,
    rows: RowOptions,
    rule: StoppingRule,
    features: Features,
    grid: Grid,
) -> Mask:
    """Rows whose answers no hypothesis can change any more, `[B]` booleans.

    A row asks for its own number of alternatives, n. A hypothesis matters as long as
    it could rank above the n-th finished one; and, where its group has brought all that
    it may bring, above the worst of these. Draws all run to their ends.

    Args:
        hypotheses: Those that go on.
        finished: Those that have ended.
        length: `[1, 1]` least length of a continuation.
        rule: The stopping rule.
        features: Whether any row has several beam groups.
        grid: The slots, with their groups.
    """
    bound = hypotheses.score  # [B, K]
    if features.lengths is not False:
        bound = upper_bound(bound, length, rule.longest, rule.divisor, rows)
    ended = ops.where(finished.complete, finished.rank, NOTHING)  # [B, N]
    worst = gather(ended, rule.worst, batch_axes=1)  # [B, 1]
    worst = ops.where(ops.expand_dims(rows.sample, 1), NOTHING, worst)
    worst = ops.zeros_like(hypotheses.score) + worst  # [B, K]

    def of_own_group() -> Tensor:
        group = ops.expand_dims(grid.group, 2)  # [B, K, 1]
        own = ops.equal(ops.expand_dims(finished.group, 1), group)
        own = own & ops.expand_dims(ended > NOTHING, 1)  # [B, K, N]
        full = ops.sum(ops.cast(own, "int32"), axis=2) >= grid.quota  # [B, K]
        ranks = ops.where(own, ops.expand_dims(ended, 1), float("inf"))  # [B, K, N]
        least = ops.min(ranks, axis=2, initial=float("inf"))  # [B, K]
        return ops.where(full, ops.maximum(least, worst), worst)

    worst = when(features.grouped, of_own_group, lambda: worst)
    matters = (hypotheses.score > NOTHING) & (bound > worst)  # [B, K]
    return ~ops.any(matters, axis=1)
