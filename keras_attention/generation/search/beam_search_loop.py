"""Search loop: beam search and sampling together, every row with its own options."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from keras import ops

from keras_attention.backend.loop import dynamic_shapes, room, unfold
from keras_attention.backend.weights import mean_over_heads
from keras_attention.generation import constraints
from keras_attention.generation.no_repeat_ngram import repeating
from keras_attention.generation.options.features import Features, settled, when
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.penalties import coverage_term, rank_score
from keras_attention.generation.result import Generation
from keras_attention.generation.search import backtracking
from keras_attention.generation.search.beam_extensions import beam
from keras_attention.generation.search.diverse_groups import diverse_groups
from keras_attention.generation.search.finished import (
    FinishedHypotheses,
    add,
    none_finished,
)
from keras_attention.generation.search.hypotheses import (
    NOTHING,
    Extension,
    Grid,
    Hypotheses,
    at_slots,
    at_tokens,
    by_slot,
    first_hypotheses,
    longer_history,
    slot_grid,
    state_at_slots,
)
from keras_attention.generation.search.sampling import draw
from keras_attention.generation.search.stopping import (
    StoppingRule,
    cannot_improve,
    stopping_rule,
)
from keras_attention.layer_support.types import Ids, Mask, State, Tensor

StepFunction: TypeAlias = Callable[[Ids, State], tuple[Tensor, Tensor, State]]
"""`logits, weights, state = step_fn(ids, state)`; see `ka.generate`."""


class SpecialIds(NamedTuple):
    """Ids with a meaning of their own."""

    pad: int
    start: int
    end: int


def search(
    stepper: Callable[[Tensor], StepFunction],
    initial_state: State,
    rows: RowOptions,
    features: Features,
    special: SpecialIds,
    source_mask: Mask = None,
    capacity: Tensor = None,
) -> Generation:
    r"""Search for the sequences of the highest rank score, or sample.

    At every step the hypotheses that go on are extended by every allowed token and
    ranked by `penalties.rank_score`. Those that end among the first `beam_size` are
    finished and hold no slot; the best `beam_size` of the others go on. At its length
    limit every hypothesis is finished; one without the end symbol ranks after all that
    have it.

    A row stops when it has as many finished hypotheses as it asks for and no other can
    rank above the worst of them (`stopping.cannot_improve`), so that stopping early
    never changes the result. Rows that sample extend every slot by a draw of its own.

    Args:
        stepper: Given K, a step function as for `ka.generate`, for `B * K` rows,
            row b's slots together, with weights `[B * K, H, S]` or None.
        initial_state: Tensors `[B, ...]`.
        features: Which parts are needed.
        source_mask: `[B, S]`, for the coverage penalty.
        capacity: The most steps, where that must be known before (`loop.room`).

    Returns:
        `ka.Generation`; with several alternatives its fields have axis 1 for them,
        best first. Places without a hypothesis have length 0 and the lowest finite
        log-probability.

    References:
        Wu et al. 2016, arXiv 1609.08144, section 7 (rank score); Huang, Zhao & Ma
        2017, arXiv 1809.00069 (stopping when no continuation can win).
    """
    features = settled(features, rows)
    grid = slot_grid(rows, features.slots)
    search = _Search(
        stepper(grid.slots),
        rows,
        features,
        grid,
        special,
        source_mask,
        stopping_rule(rows, features.answers),
    )
    bound = ops.max(ops.concatenate([rows.limit, ops.ones((1,), "int32")]))
    steps = room(bound, capacity)
    carried = (
        first_hypotheses(
            initial_state, rows, features, grid, source_mask, steps, special.start
        ),
        none_finished(grid.rows, features.answers),
        ops.zeros_like(rows.sample),
    )
    (_, finished, _), emitted, steps_run = unfold(
        search.step, carried, lambda now: ~ops.all(now[2]), bound, steps
    )
    number = ops.arange(features.answers, dtype="int32")
    asked = number < ops.expand_dims(rows.alternatives, 1)  # [B, N]
    finished = finished._replace(rank=ops.where(asked, finished.rank, NOTHING))
    return backtracking.sequences(
        finished, emitted, steps_run, special.pad, features.several
    )


@dataclass(frozen=True)
class _Search:
    """What no step of a search changes, and the step."""

    step_fn: StepFunction
    rows: RowOptions
    features: Features
    grid: Grid
    special: SpecialIds
    source_mask: Mask
    rule: StoppingRule

    def step(
        self, t: Tensor, carried: tuple[Hypotheses, FinishedHypotheses, Tensor]
    ) -> tuple[tuple[Hypotheses, FinishedHypotheses, Tensor], dict[str, Tensor]]:
        """Extend all hypotheses by a token; `unfold` takes it."""
        hypotheses, finished, done = carried
        rows, grid, end_id = self.rows, self.grid, self.special.end
        logits, weights, state = self.step_fn(
            ops.reshape(hypotheses.ids, (-1,)), hypotheses.state
        )
        logits = by_slot(ops.cast(logits, "float32"), grid.slots)  # [B, K, V]
        coverage, covered = self._attended(hypotheses, weights)
        log_probs = ops.log_softmax(logits, axis=-1)  # [B, K, V]
        ruled = self._ruled(log_probs, logits, hypotheses, t)  # [B, K, V]
        totals = ops.expand_dims(hypotheses.score, -1) + ruled
        length = ops.reshape(ops.cast(t + 1, "float32"), (1, 1))
        chosen = self._extension(totals, ruled, covered, length, t)
        score = at_tokens(totals, chosen.slot, chosen.token)  # [B, K]
        score = ops.where(chosen.there, score, NOTHING)
        log_prob = at_slots(hypotheses.log_prob, chosen.slot) + at_tokens(
            log_probs, chosen.slot, chosen.token
        )  # [B, K]

        # What may end now, and what is cut off, side by side.
        last = ops.expand_dims(t + 1 >= rows.limit, -1)  # [B, 1]
        going = ops.expand_dims(~done, -1)  # [B, 1]
        ends = ops.zeros_like(grid.own) + end_id  # [B, K]
        scores = _beside(totals[:, :, end_id], score)  # [B, 2K]
        rank = rank_score(
            scores, length, _beside(covered, at_slots(covered, chosen.slot)), rows
        )
        valid = _beside(chosen.may_end, last & chosen.there)
        valid = going & valid & (scores > NOTHING)
        token = _beside(ends, chosen.token)
        ending = FinishedHypotheses(
            rank=ops.where(valid, rank, NOTHING),
            log_prob=_beside(hypotheses.log_prob + log_probs[:, :, end_id], log_prob),
            complete=ops.equal(token, end_id),
            step=ops.zeros_like(token) + t,
            slot=_beside(grid.own, chosen.slot),
            token=token,
            group=_beside(grid.group, grid.group),
        )
        finished = add(finished, ending, self.features.grouped, grid.quota)

        over = last | ~going
        history, matched = longer_history(hypotheses, self.features, chosen, t)
        hypotheses = Hypotheses(
            ids=chosen.token,
            state=state_at_slots(state, chosen.slot, grid),
            score=ops.where(over, NOTHING, score),
            log_prob=log_prob,
            coverage=when(
                self.features.coverage,
                lambda: at_slots(coverage, chosen.slot),
                lambda: coverage,
            ),
            history=history,
            matched=matched,
        )
        settled_now = cannot_improve(
            hypotheses, finished, length + 1, rows, self.rule, self.features, grid
        )
        emitted = {"slot": chosen.slot, "token": chosen.token}
        if weights is not None:
            emitted["weights"] = by_slot(weights, grid.slots)
        return (hypotheses, finished, done | settled_now), emitted

    def _attended(
        self, hypotheses: Hypotheses, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sums of the weights `[B, K, S]`, and the coverage term of them `[B, K]`."""

        def summed() -> tuple[Tensor, Tensor]:
            if weights is None:
                raise ValueError(
                    "`coverage_penalty` needs attention weights. Expected: a step "
                    "function that returns them. Received: None"
                )
            mean = ops.cast(mean_over_heads(weights), "float32")  # [B * K, S]
            mean = by_slot(mean, self.grid.slots)  # [B, K, S]
            coverage = hypotheses.coverage + mean
            return coverage, coverage_term(coverage, self.source_mask)

        return when(
            self.features.coverage,
            summed,
            lambda: (hypotheses.coverage, ops.zeros_like(hypotheses.score)),
        )

    def _ruled(
        self, log_probs: Tensor, logits: Tensor, hypotheses: Hypotheses, t: Tensor
    ) -> Tensor:
        """Log-probabilities that the search goes by, -inf where not allowed."""
        rows, features = self.rows, self.features

        def nothing() -> Mask:
            if dynamic_shapes():
                return ops.zeros((1, 1, 1), "bool")
            return ops.zeros_like(logits, dtype="bool")  # [B, K, V]

        def by_history() -> tuple[Tensor, Mask]:
            penalized = when(
                features.repetition,
                lambda: ops.log_softmax(
                    constraints.penalize_repetition(logits, hypotheses.history, rows),
                    axis=-1,
                ),
                lambda: log_probs,
            )
            blocked = when(
                features.ngrams,
                lambda: repeating(hypotheses.history, hypotheses.matched, logits, rows),
                nothing,
            )
            return penalized, blocked

        blocked = None
        if features.history is not False:
            log_probs, blocked = when(
                features.history, by_history, lambda: (log_probs, nothing())
            )
        allowed = constraints.allowed_tokens(
            t, rows, logits, blocked, self.special.pad, self.special.end
        )
        return ops.where(allowed, log_probs, NOTHING)

    def _extension(
        self, totals: Tensor, ruled: Tensor, covered: Tensor, length: Tensor, t: Tensor
    ) -> Extension:
        """What every slot goes on with, by the strategy of its row."""
        rows, features, grid = self.rows, self.features, self.grid
        end_id = self.special.end

        def searching() -> Extension:
            rank = rank_score(
                totals, ops.expand_dims(length, -1), ops.expand_dims(covered, -1), rows
            )  # [B, K, V]
            return when(
                features.grouped,
                lambda: diverse_groups(rank, rows, features, grid, end_id),
                lambda: beam(
                    rank, grid.slots, ops.expand_dims(rows.beam_size, 1), end_id
                ),
            )

        def drawing() -> Extension:
            return draw(ruled, t, rows, features, grid, end_id)

        def nothing() -> Extension:
            none = ops.zeros_like(grid.own, dtype="bool")
            return Extension(grid.own, ops.zeros_like(grid.own), none, none)

        if features.sample is False:
            return searching()
        if features.beam is False:
            return drawing()
        found = when(features.beam, searching, nothing)

        def either() -> Extension:
            sampled = ops.expand_dims(rows.sample, -1)  # [B, 1]
            return Extension(
                *(
                    ops.where(sampled, a, b)
                    for a, b in zip(drawing(), found, strict=True)
                )
            )

        return when(features.sample, either, lambda: found)


def _beside(one: Tensor, other: Tensor) -> Tensor:
    """`[B, 2K]` of `[B, K]` twice."""
    return ops.concatenate([one, other], axis=1)
