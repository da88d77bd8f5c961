"""Search loop: beam search and sampling together, every row with its own options."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from keras import ops

from keras_attention.backend.loop import dynamic_shapes, room
from keras_attention.backend.sizes import size, when
from keras_attention.backend.top import log_sum_exp
from keras_attention.backend.weights import mean_over_heads
from keras_attention.generation import constraints
from keras_attention.generation.no_repeat_ngram import repeating
from keras_attention.generation.options.features import Features, settled
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.penalties import (
    coverage_beside_log_prob,
    coverage_term,
    rank_score,
)
from keras_attention.generation.result import Generation
from keras_attention.generation.search import backtracking
from keras_attention.generation.search.beam_extensions import (
    beam,
    likely_extensions,
)
from keras_attention.generation.search.compaction import (
    RowSearch,
    at_rows,
    unfold_rows,
)
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
from keras_attention.layer_support.types import Ids, Mask, Memory, Nested, State, Tensor

StepFunction: TypeAlias = Callable[[Ids, State], tuple[Tensor, Tensor, State]]
"""`logits, weights, state = step_fn(ids, state)`; see `ka.generate`."""


class SpecialIds(NamedTuple):
    """Ids with a meaning of their own."""

    pad: int
    start: int
    end: int


def search(
    stepper: Callable[[Memory, Tensor], StepFunction],
    memory: Memory,
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
        stepper: Given the memory or some rows of it, and K, a step function as for
            `ka.generate`, for `B * K` rows, row b's slots together, with weights
            `[B * K, H, S]` or None.
        memory: Tensors `[B, ...]`, or None where rows cannot be left out.
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

    def step_over(fixed: Nested) -> Callable[..., Any]:
        memory, options, mask = fixed
        own = dataclasses.replace(rows, **options)
        return _Search(
            stepper(memory, grid.slots),
            own,
            features,
            slot_grid(own, grid.slots),
            special,
            mask,
            stopping_rule(own, features.answers),
        ).step

    bound = ops.max(ops.concatenate([rows.limit, ops.ones((1,), "int32")]))
    steps = room(bound, capacity)
    carried = (
        first_hypotheses(
            initial_state, rows, features, grid, source_mask, steps, special.start
        ),
        none_finished(grid.rows, features.answers, features.grouped),
        ops.zeros_like(rows.sample),
    )
    finished, emitted, steps_run = unfold_rows(
        RowSearch(
            step_over,
            ended=lambda now: now[2],
            answers=lambda now: now[1],
            at_rows=functools.partial(_at_rows, slots=grid.slots),
        ),
        (memory, rows.by_row(), source_mask),
        carried,
        bound,
        steps,
        grid.rows,
        slots=None if memory is None else grid.slots,
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
        penalized = when(
            self.features.repetition,
            lambda: constraints.penalize_repetition(logits, hypotheses.history, rows),
            lambda: logits,
        )
        ruled = self._ruled(penalized, hypotheses, t)  # [B, K, V]
        log_sums = log_sum_exp(penalized)  # [B, K]
        start = hypotheses.score - log_sums
        length = ops.reshape(ops.cast(t + 1, "float32"), (1, 1))
        chosen = self._extension(ruled, log_sums, start, covered, length, t)
        score = at_slots(start, chosen.slot) + at_tokens(
            ruled, chosen.slot, chosen.token
        )  # [B, K]
        score = ops.where(chosen.there, score, NOTHING)
        end_score = start + ruled[:, :, end_id]  # [B, K]

        def of_the_model() -> tuple[Tensor, Tensor]:
            start = hypotheses.log_prob - log_sum_exp(logits)  # [B, K]
            log_prob = at_slots(start, chosen.slot)
            log_prob = log_prob + at_tokens(logits, chosen.slot, chosen.token)
            return log_prob, start + logits[:, :, end_id]

        log_prob, end_log_prob = when(
            self.features.repetition, of_the_model, lambda: (score, end_score)
        )

        # What may end now, and what is cut off, side by side.
        last = ops.expand_dims(t + 1 >= rows.limit, -1)  # [B, 1]
        going = ops.expand_dims(~done, -1)  # [B, 1]
        ends = ops.zeros_like(grid.own) + end_id  # [B, K]
        scores = _beside(end_score, score)  # [B, 2K]
        rank = scores
        lengths, covers = self.features.lengths, self.features.coverage
        if lengths is not False or covers is not False:
            both = _beside(covered, at_slots(covered, chosen.slot))
            rank = rank_score(scores, length, both, rows)
        valid = _beside(chosen.may_end, last & chosen.there)
        valid = going & valid & (scores > NOTHING)
        token = _beside(ends, chosen.token)
        ending = FinishedHypotheses(
            rank=ops.where(valid, rank, NOTHING),
            log_prob=_beside(end_log_prob, log_prob),
            complete=ops.equal(token, end_id),
            step=ops.zeros_like(token) + t,
            slot=_beside(grid.own, chosen.slot),
            token=token,
            group=()
            if self.features.grouped is False
            else _beside(grid.group, grid.group),
        )
        finished = add(finished, ending, self.features.grouped, grid.quota)

        over = last | ~going
        history, matched = longer_history(hypotheses, self.features, chosen, t)
        hypotheses = Hypotheses(
            ids=chosen.token,
            state=state_at_slots(state, chosen.slot, grid),
            score=ops.where(over, NOTHING, score),
            log_prob=() if self.features.repetition is False else log_prob,
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

    def _ruled(self, logits: Tensor, hypotheses: Hypotheses, t: Tensor) -> Tensor:
        """Logits that the search goes by, -inf where not allowed (or at padding)."""
        features = self.features

        def nothing() -> Mask:
            if dynamic_shapes():
                return ops.zeros((1, 1, 1), "bool")
            return ops.zeros_like(logits, dtype="bool")  # [B, K, V]

        def allowed_alone() -> Tensor:
            blocked = None
            if features.ngrams is not False:
                blocked = when(
                    features.ngrams,
                    lambda: repeating(
                        hypotheses.history, hypotheses.matched, logits, self.rows
                    ),
                    nothing,
                )
            allowed = constraints.allowed_tokens(
                t, self.rows, logits, blocked, self.special.pad, self.special.end
            )
            return ops.where(allowed, logits, NOTHING)

        return when(features.restricted, allowed_alone, lambda: logits)

    def _extension(
        self,
        ruled: Tensor,
        log_sums: Tensor,
        start: Tensor,
        covered: Tensor,
        length: Tensor,
        t: Tensor,
    ) -> Extension:
        """What every slot goes on with, by the strategy of its row."""
        rows, features, grid = self.rows, self.features, self.grid
        end_id = self.special.end

        def together() -> Extension:
            # Of one length: what is left of the rank score is a sum.
            ranked = when(
                features.coverage,
                lambda: start + coverage_beside_log_prob(covered, length, rows),
                lambda: start,
            )
            likely = likely_extensions(ruled, ranked, grid.slots, self.special.pad)
            return beam(likely, grid.slots, ops.expand_dims(rows.beam_size, 1), end_id)

        def in_groups() -> Extension:
            rank = rank_score(
                ops.expand_dims(start, -1) + self._without_padding(ruled),
                ops.expand_dims(length, -1),
                ops.expand_dims(covered, -1),
                rows,
            )  # [B, K, V]
            return diverse_groups(rank, rows, features, grid, end_id)

        def searching() -> Extension:
            return when(features.grouped, in_groups, together)

        def drawing() -> Extension:
            log_probs = self._without_padding(ruled) - ops.expand_dims(log_sums, -1)
            return draw(log_probs, t, rows, features, grid, end_id)

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

    def _without_padding(self, logits: Tensor) -> Tensor:
        vocabulary = ops.arange(size(logits, 2), dtype="int32")  # [V]
        return ops.where(ops.equal(vocabulary, self.special.pad), NOTHING, logits)


def _at_rows(carried: Nested, rows: Tensor, slots: Tensor) -> Nested:
    """What `_Search` carries, of some rows of the batch."""
    hypotheses, finished, done = carried
    own = ops.expand_dims(rows * slots, 1) + ops.arange(slots, dtype="int32")  # [b, K]
    state = at_rows(hypotheses.state, ops.reshape(own, (-1,)))
    others = at_rows((hypotheses._replace(state=()), finished, done), rows)
    return (others[0]._replace(state=state), *others[1:])


def _beside(one: Tensor, other: Tensor) -> Tensor:
    """`[B, 2K]` of `[B, K]` twice."""
    return ops.concatenate([one, other], axis=1)
