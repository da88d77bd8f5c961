"""Beam search and sampling in one loop, every row with its own options."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_attention.backend.loop import dynamic_shapes, room, unfold
from keras_attention.generation import constraints
from keras_attention.generation.no_repeat_ngram import repeating
from keras_attention.generation.options.features import Features, Needs, settled, when
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.penalties import coverage_term, rank_score
from keras_attention.generation.result import Generation
from keras_attention.generation.search import backtracking
from keras_attention.generation.search.beam import beam
from keras_attention.generation.search.diverse_groups import group_size, grouped
from keras_attention.generation.search.finished import Pool, add, empty_pool
from keras_attention.generation.search.hypotheses import (
    NOTHING,
    Extension,
    Grid,
    Live,
    at_slots,
    at_tokens,
    by_slot,
    first_hypotheses,
    grid,
    remembered,
    state_at_slots,
)
from keras_attention.generation.search.sampling import draw
from keras_attention.generation.search.stopping import cannot_improve, goal


class SpecialIds(NamedTuple):
    """Ids with a meaning of their own."""

    pad: int
    start: int
    end: int


def search(
    stepper: Callable[[Any], Callable[[Any, Any], Any]],
    initial_state: Any,
    rows: RowOptions,
    features: Features,
    special: SpecialIds,
    source_mask: Any = None,
    capacity: Any = None,
) -> Generation:
    r"""Search for the sequences of the highest rank score, or sample.

    At every step the hypotheses with a live slot are extended by every allowed
    token and ranked by `ranking.rank_score`. Those that end among the first
    `beam_size` go to a pool of their own and hold no slot; the best
    `beam_size` of the others go on. At its length limit every hypothesis ends;
    one without the end symbol ranks after all that have it.

    A row stops when its pool is full and no live hypothesis can rank above the
    worst of it (`stopping.cannot_improve`), so that stopping early never changes
    the result. Rows that sample extend every slot by a draw of its own.

    Args:
        stepper: Given K, a step function as for `ka.generate`, for `B * K` rows,
            row b's slots together.
        initial_state: Tensors `[B, ...]`.
        rows: The options.
        features: Which parts are needed.
        special: The special ids.
        source_mask: `[B, S]`, for the coverage penalty.
        capacity: The most steps, where that must be known before (`scan.room`).

    Returns:
        `ka.Generation`; with several alternatives its fields have axis 1 for them,
        best first. Places without a hypothesis have length 0 and the lowest finite
        log-probability.

    References:
        Wu et al. 2016, arXiv 1609.08144, section 7 (rank score); Huang, Zhao & Ma
        2017, arXiv 1809.00069 (stopping when no continuation can win).
    """
    needs = settled(features, rows)
    slots = needs.slots
    cells = grid(ops.shape(rows.limit)[0], slots)
    step_fn = stepper(slots)
    quota = group_size(rows)  # [B, 1]
    group = cells.own // quota  # [B, K], 0 where there is one group.
    wanted = goal(rows, needs.places)
    bound = ops.max(ops.concatenate([rows.limit, ops.ones((1,), "int32")]))
    steps = room(bound, capacity)

    def step(t: Any, carried: Any) -> Any:
        live, pool, done = carried
        logits, weights, state = step_fn(ops.reshape(live.ids, (-1,)), live.state)
        logits = by_slot(ops.cast(logits, "float32"), slots)  # [B, K, V]
        coverage, covered = _attended(live, weights, source_mask, needs)
        raw = ops.log_softmax(logits, axis=-1)  # [B, K, V]
        taken = _searched(raw, logits, live, t, rows, needs, special)  # [B, K, V]
        totals = ops.expand_dims(live.score, -1) + taken
        length = ops.reshape(ops.cast(t + 1, "float32"), (1, 1))
        chosen = _extended(
            totals, taken, covered, length, t, rows, needs, cells, quota, special.end
        )
        score = at_tokens(totals, chosen.slot, chosen.token)  # [B, K]
        score = ops.where(chosen.there, score, NOTHING)
        log_prob = at_slots(live.log_prob, chosen.slot) + at_tokens(
            raw, chosen.slot, chosen.token
        )  # [B, K]

        # What may end now, and what is cut off, side by side.
        last = ops.expand_dims(t + 1 >= rows.limit, -1)  # [B, 1]
        going = ops.expand_dims(ops.logical_not(done), -1)  # [B, 1]
        ends = ops.zeros_like(cells.own) + special.end  # [B, K]
        scores = _beside(totals[:, :, special.end], score)  # [B, 2K]
        rank = rank_score(
            scores, length, _beside(covered, at_slots(covered, chosen.slot)), rows
        )
        valid = _beside(chosen.may_end, ops.logical_and(last, chosen.there))
        valid = ops.logical_and(ops.logical_and(going, valid), scores > NOTHING)
        token = _beside(ends, chosen.token)
        candidates = Pool(
            rank=ops.where(valid, rank, NOTHING),
            log_prob=_beside(live.log_prob + raw[:, :, special.end], log_prob),
            finished=ops.equal(token, special.end),
            step=ops.zeros_like(token) + t,
            slot=_beside(cells.own, chosen.slot),
            token=token,
            group=_beside(group, group),
        )
        pool = add(pool, candidates, needs.grouped, quota)

        over = ops.logical_or(last, ops.logical_not(going))
        history, matched = remembered(live, needs, chosen, t)
        live = Live(
            ids=chosen.token,
            state=state_at_slots(state, chosen.slot, cells),
            score=ops.where(over, NOTHING, score),
            log_prob=log_prob,
            coverage=when(
                needs.coverage,
                lambda: at_slots(coverage, chosen.slot),
                lambda: coverage,
            ),
            history=history,
            matched=matched,
        )
        settled_now = cannot_improve(
            live, pool, length + 1, rows, wanted, needs, group, quota
        )
        emitted = {"slot": chosen.slot, "token": chosen.token}
        if weights is not None:
            emitted["weights"] = by_slot(weights, slots)
        return (live, pool, ops.logical_or(done, settled_now)), emitted

    carried = (
        first_hypotheses(
            initial_state, rows, needs, cells, source_mask, steps, special.start
        ),
        empty_pool(cells.rows, needs.places),
        ops.zeros_like(rows.sample),
    )
    (_, pool, _), emitted, steps_run = unfold(
        step, carried, lambda now: ops.logical_not(ops.all(now[2])), bound, steps
    )
    place = ops.arange(needs.places, dtype="int32")
    asked = place < ops.expand_dims(rows.alternatives, 1)  # [B, N]
    pool = pool._replace(rank=ops.where(asked, pool.rank, NOTHING))
    return backtracking.sequences(
        pool, emitted, steps_run, special.pad, features.several
    )


def _beside(one: Any, other: Any) -> Any:
    """`[B, 2K]` of `[B, K]` twice."""
    return ops.concatenate([one, other], axis=1)


def _attended(
    live: Live, weights: Any, source_mask: Any, needs: Needs
) -> tuple[Any, Any]:
    """Sums of the weights `[B, K, S]`, and the coverage term of them `[B, K]`."""

    def summed() -> Any:
        if weights is None:
            raise ValueError(
                "`coverage_penalty` needs attention weights. Expected: a step function "
                "that returns them. Received: None"
            )
        mean = weights if len(weights.shape) == 2 else ops.mean(weights, axis=1)
        coverage = live.coverage + by_slot(ops.cast(mean, "float32"), needs.slots)
        return coverage, coverage_term(coverage, source_mask)

    return when(
        needs.coverage, summed, lambda: (live.coverage, ops.zeros_like(live.score))
    )


def _searched(
    raw: Any,
    logits: Any,
    live: Live,
    t: Any,
    rows: RowOptions,
    needs: Needs,
    special: SpecialIds,
) -> Any:
    """Log-probabilities as the search takes them, -inf where not allowed."""

    def nothing() -> Any:
        if dynamic_shapes():
            return ops.zeros((1, 1, 1), "bool")
        return ops.zeros_like(logits, dtype="bool")  # [B, K, V]

    def by_history() -> Any:
        taken = when(
            needs.repetition,
            lambda: ops.log_softmax(
                constraints.penalize_repetition(logits, live.history, rows), axis=-1
            ),
            lambda: raw,
        )
        blocked = when(
            needs.ngrams,
            lambda: repeating(live.history, live.matched, logits, rows),
            nothing,
        )
        return taken, blocked

    blocked = None
    taken = raw
    if needs.history is not False:
        taken, blocked = when(needs.history, by_history, lambda: (raw, nothing()))
    allowed = constraints.allowed_tokens(
        t, rows, logits, blocked, special.pad, special.end
    )
    return ops.where(allowed, taken, NOTHING)


def _extended(
    totals: Any,
    taken: Any,
    covered: Any,
    length: Any,
    t: Any,
    rows: RowOptions,
    needs: Needs,
    cells: Grid,
    quota: Any,
    end_id: int,
) -> Extension:
    """What every slot goes on with, by the strategy of its row."""

    def searching() -> Extension:
        rank = rank_score(
            totals, ops.expand_dims(length, -1), ops.expand_dims(covered, -1), rows
        )  # [B, K, V]
        return when(
            needs.grouped,
            lambda: grouped(rank, quota, rows, needs, cells, end_id),
            lambda: beam(rank, cells.slots, ops.expand_dims(rows.beam_size, 1), end_id),
        )

    def drawing() -> Extension:
        return draw(taken, t, rows, needs, cells, end_id)

    def nothing() -> Extension:
        none = ops.zeros_like(cells.own, dtype="bool")
        return Extension(cells.own, ops.zeros_like(cells.own), none, none)

    if needs.sample is False:
        return searching()
    if needs.beam is False:
        return drawing()
    found = when(needs.beam, searching, nothing)

    def either() -> Extension:
        sampled = ops.expand_dims(rows.sample, -1)  # [B, 1]
        return Extension(
            *(ops.where(sampled, a, b) for a, b in zip(drawing(), found, strict=True))
        )

    return when(needs.sample, either, lambda: found)
