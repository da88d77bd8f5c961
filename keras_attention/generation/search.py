"""Beam search and sampling in one loop, every row with its own options."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops, tree

from keras_attention.generation import backtrack, processors, random
from keras_attention.generation.pool import Pool, add, empty_pool
from keras_attention.generation.ranking import (
    coverage_term,
    rank_score,
    upper_bound,
)
from keras_attention.generation.result import Generation
from keras_attention.generation.rows import Features, RowOptions
from keras_attention.scan import unfold

_NOTHING = -float("inf")


class SpecialIds(NamedTuple):
    """Ids with a meaning of their own."""

    pad: int
    start: int
    end: int


class Live(NamedTuple):
    """Hypotheses that go on: K slots a row, dead where the score is -inf.

    Attributes:
        ids: `[B, K]` last tokens.
        state: The step function's state, tensors `[B * K, ...]`.
        score: `[B, K]` sums of what the search takes the tokens' log-probabilities
            to be (penalised for repetition where that is on).
        log_prob: `[B, K]` sums of the model's own log-probabilities.
        coverage: `[B, K, S]` sums of weights, or `()`.
        history: `[B, K, L]` tokens so far, -1 after them, or `()`.
        seen: `[B, K, V]` tokens that occurred, or `()`.
    """

    ids: Any
    state: Any
    score: Any
    log_prob: Any
    coverage: Any
    history: Any
    seen: Any


class Choice(NamedTuple):
    """What every slot goes on with, `[B, K]` each; dead where the score is -inf."""

    slot: Any
    token: Any
    score: Any


def search(
    step_fn: Callable[[Any, Any], Any],
    initial_state: Any,
    rows: RowOptions,
    features: Features,
    alternatives: int,
    special: SpecialIds,
    source_mask: Any = None,
) -> Generation:
    r"""Search for the sequences of the highest rank score, or sample.

    At every step the hypotheses with a live slot are extended by every allowed
    token and ranked by `ranking.rank_score`. Those that end among the first
    `beam_size` go to a pool of their own and hold no slot; the best
    `beam_size` of the others go on. At its length limit every hypothesis ends;
    one without the end symbol ranks after all that have it.

    A row stops when its pool is full and no live hypothesis can rank above the
    worst of it (`ranking.upper_bound`), so that stopping early never changes the
    result. Rows that sample extend every slot by a draw of its own.

    Args:
        step_fn: As for `ka.generate`, for `B * K` rows, row b's slots together.
        initial_state: Tensors `[B, ...]`.
        rows: The options.
        features: Which parts are needed.
        alternatives: N, hypotheses to return.
        special: The special ids.
        source_mask: `[B, S]`, for the coverage penalty.

    Returns:
        `ka.Generation`; with several alternatives its fields have axis 1 for them,
        best first. Places without a hypothesis have length 0 and the lowest finite
        log-probability.

    References:
        Wu et al. 2016, arXiv 1609.08144, section 7 (rank score); Huang, Zhao & Ma
        2017, arXiv 1809.00069 (stopping when no continuation can win).
    """
    batch_size = ops.shape(rows.limit)[0]
    slots = features.beams
    vocabulary_size = rows.banned.shape[-1]
    bound = ops.max(ops.concatenate([rows.limit, ops.ones((1,), "int32")]))

    def step(t: Any, carried: Any) -> Any:
        live, pool, done = carried
        logits, weights, state = step_fn(ops.reshape(live.ids, (-1,)), live.state)
        logits = ops.reshape(
            ops.cast(logits, "float32"), (batch_size, slots, vocabulary_size)
        )  # [B, K, V]
        coverage, covered = live.coverage, 0.0
        if features.coverage:
            coverage = coverage + _by_slot(_mean_heads(weights), slots)  # [B, K, S]
            covered = coverage_term(coverage, source_mask)  # [B, K]
        raw = ops.log_softmax(logits, axis=-1)
        taken = _searched(raw, logits, live, t, rows, features, special)  # [B, K, V]
        totals = ops.expand_dims(live.score, -1) + taken
        last = t + 1 >= rows.limit  # [B]
        length = ops.cast(t + 1, "float32") * ops.ones((1, 1), "float32")
        length = ops.broadcast_to(length, (batch_size, 1))

        choice, may_end = _beam(totals, covered, length, rows, slots, special)
        if features.sample:
            drawn, draws_end = _draw(totals, taken, t, rows, slots, special)
            sampled = ops.expand_dims(rows.sample, -1)
            choice = Choice(
                *(ops.where(sampled, a, b) for a, b in zip(drawn, choice, strict=True))
            )
            may_end = ops.where(sampled, draws_end, may_end)

        def own_log_prob(slot: Any, token: Any) -> Any:
            if not features.repetition:
                return _pick(totals, slot, token)
            return _pick(ops.expand_dims(live.log_prob, -1) + raw, slot, token)

        order = ops.broadcast_to(
            ops.expand_dims(ops.arange(slots, dtype="int32"), 0), (batch_size, slots)
        )
        ends = ops.full_like(order, special.end)
        active = ops.expand_dims(ops.logical_not(done), -1)  # [B, 1]

        def candidates(slot: Any, token: Any, score: Any, valid: Any) -> Pool:
            cover = 0.0
            if features.coverage:
                cover = ops.take_along_axis(covered, slot, axis=1)
            rank = rank_score(score, length, cover, rows)
            valid = ops.logical_and(valid, ops.logical_and(active, score > _NOTHING))
            return Pool(
                rank=ops.where(valid, rank, ops.full_like(rank, _NOTHING)),
                log_prob=own_log_prob(slot, token),
                finished=ops.equal(token, special.end),
                step=ops.full_like(slot, 0) + t,
                slot=slot,
                token=token,
            )

        pool = add(pool, candidates(order, ends, totals[:, :, special.end], may_end))
        cut_off = ops.expand_dims(last, -1)
        pool = add(pool, candidates(choice.slot, choice.token, choice.score, cut_off))

        score = ops.where(
            ops.expand_dims(ops.logical_or(last, done), -1),
            ops.full_like(choice.score, _NOTHING),
            choice.score,
        )
        live = Live(
            ids=choice.token,
            state=_reorder_state(state, choice.slot, slots),
            score=score,
            log_prob=own_log_prob(choice.slot, choice.token),
            coverage=_reorder(coverage, choice.slot) if features.coverage else (),
            history=_extend(live.history, choice, t) if features.ngrams else (),
            seen=_mark(live.seen, choice) if features.repetition else (),
        )
        done = ops.logical_or(done, _cannot_improve(live, pool, length + 1, rows))
        emitted = {"slot": choice.slot, "token": choice.token}
        if weights is not None:
            emitted["weights"] = _by_slot(weights, slots)
        return (live, pool, done), emitted

    live = _start(
        initial_state,
        rows,
        features,
        batch_size,
        source_mask,
        bound,
        special,
        alternatives,
    )
    carried = (
        live,
        empty_pool(batch_size, alternatives),
        ops.zeros((batch_size,), "bool"),
    )
    (_, pool, _), emitted, steps = unfold(
        step, carried, lambda now: ops.logical_not(ops.all(now[2])), bound
    )
    return backtrack.sequences(pool, emitted, steps, special.pad)


def _start(
    initial_state: Any,
    rows: RowOptions,
    features: Features,
    batch_size: Any,
    source_mask: Any,
    bound: Any,
    special: SpecialIds,
    alternatives: int,
) -> Live:
    slots = features.beams
    if features.coverage and source_mask is None:
        raise ValueError(
            "`coverage_penalty` needs the mask of the source. Expected: "
            "`source_mask`. Received: None"
        )
    first = ops.equal(ops.arange(slots, dtype="int32"), 0)  # [K]
    asked = ops.arange(slots, dtype="int32") < alternatives  # [K]
    drawn = ops.logical_and(ops.expand_dims(rows.sample, -1), asked)
    alive = ops.logical_or(first, drawn)  # [B, K]
    zeros = ops.zeros((batch_size, slots), "float32")
    ids = ops.full((batch_size, slots), special.start, "int32")
    coverage: Any = ()
    if features.coverage:
        shape = (batch_size, slots, ops.shape(source_mask)[1])
        coverage = ops.zeros(shape, "float32")
    history: Any = ()
    if features.ngrams:
        history = ops.full((batch_size, slots, bound), -1, "int32")
    seen: Any = ()
    if features.repetition:
        seen = ops.zeros((batch_size, slots, rows.banned.shape[-1]), "bool")
    return Live(
        ids=ids,
        state=tree.map_structure(
            lambda x: x if slots == 1 else ops.repeat(x, slots, axis=0), initial_state
        ),
        score=ops.where(alive, zeros, ops.full_like(zeros, _NOTHING)),
        log_prob=zeros,
        coverage=coverage,
        history=history,
        seen=seen,
    )


def _searched(
    raw: Any,
    logits: Any,
    live: Live,
    t: Any,
    rows: RowOptions,
    features: Features,
    special: SpecialIds,
) -> Any:
    """Log-probabilities as the search takes them, -inf where not allowed."""
    taken = raw
    if features.repetition:
        punished = processors.penalize_repetition(logits, live.seen, rows)
        taken = ops.log_softmax(punished, axis=-1)
    blocked = None
    if features.ngrams:
        blocked = processors.repeated_ngrams(live.history, t, rows, features.ngrams)
    allowed = processors.allowed_tokens(t, rows, blocked, special.pad, special.end)
    return ops.where(allowed, taken, ops.full_like(taken, _NOTHING))


def _beam(
    totals: Any,
    covered: Any,
    length: Any,
    rows: RowOptions,
    slots: int,
    special: SpecialIds,
) -> tuple[Choice, Any]:
    """The best that go on, and which slots may end now, `[B, K]` booleans."""
    batch_size, _, vocabulary_size = ops.shape(totals)
    if not isinstance(covered, float):
        covered = ops.expand_dims(covered, -1)  # [B, K, 1]
    rank = rank_score(totals, ops.expand_dims(length, -1), covered, rows)  # [B, K, V]
    flat = ops.reshape(rank, (batch_size, slots * vocabulary_size))
    # At most one of a slot's extensions is the end: 2K hold K that go on.
    ranks, places = ops.top_k(flat, 2 * slots)  # [B, 2K]
    places = ops.cast(places, "int32")
    slot, token = places // vocabulary_size, places % vocabulary_size
    goes_on = ops.not_equal(token, special.end)
    kept, order = ops.top_k(
        ops.where(goes_on, ranks, ops.full_like(ranks, _NOTHING)), slots
    )  # [B, K]
    order = ops.cast(order, "int32")
    slot = ops.take_along_axis(slot, order, axis=1)
    token = ops.take_along_axis(token, order, axis=1)
    size = ops.expand_dims(rows.beam_size, -1)  # [B, 1]
    used = ops.arange(slots, dtype="int32") < size  # [B, K]
    alive = ops.logical_and(used, kept > _NOTHING)
    score = _pick(totals, slot, token)
    choice = Choice(
        slot, token, ops.where(alive, score, ops.full_like(score, _NOTHING))
    )
    worst = ops.take_along_axis(ranks, ops.minimum(size, 2 * slots) - 1, axis=1)
    among_first = rank[:, :, special.end] >= worst  # [B, K]
    return choice, among_first


def _draw(
    totals: Any,
    taken: Any,
    t: Any,
    rows: RowOptions,
    slots: int,
    special: SpecialIds,
) -> tuple[Choice, Any]:
    """A draw for every slot, and which slots drew the end."""
    batch_size, _, vocabulary_size = ops.shape(totals)
    logits = taken / ops.reshape(rows.temperature, (-1, 1, 1))
    logits = processors.keep_likely(logits, rows)
    noise = random.gumbel(rows.seed, slots, t, vocabulary_size)
    token = ops.cast(ops.argmax(logits + noise, axis=-1), "int32")  # [B, K]
    slot = ops.broadcast_to(
        ops.expand_dims(ops.arange(slots, dtype="int32"), 0), (batch_size, slots)
    )
    score = _pick(totals, slot, token)
    ended = ops.equal(token, special.end)
    alive = ops.logical_and(score > _NOTHING, ops.logical_not(ended))
    return Choice(
        slot, token, ops.where(alive, score, ops.full_like(score, _NOTHING))
    ), ended


def _cannot_improve(live: Live, pool: Pool, length: Any, rows: RowOptions) -> Any:
    """Rows whose pool no live hypothesis can enter any more, `[B]`."""
    limit = ops.expand_dims(ops.cast(rows.limit, "float32"), -1)  # [B, 1]
    bound = upper_bound(live.score, length, ops.maximum(limit, length), rows)
    alive = live.score > _NOTHING  # [B, K]
    bound = ops.where(alive, bound, ops.full_like(bound, _NOTHING))
    best = ops.max(bound, axis=1, initial=_NOTHING)  # [B]
    worst = ops.where(pool.finished, pool.rank, ops.full_like(pool.rank, _NOTHING))[
        :, -1
    ]
    dead = ops.logical_not(ops.any(alive, axis=1))
    beaten = ops.logical_and(worst > _NOTHING, worst >= best)
    # A sample is not replaced by a better one: its slots all run to their ends.
    return ops.logical_or(dead, ops.logical_and(beaten, ops.logical_not(rows.sample)))


def _pick(table: Any, slot: Any, token: Any) -> Any:
    """`table[b, slot, token]` for `[B, K]` slots and tokens."""
    batch_size, slots, vocabulary_size = ops.shape(table)
    flat = ops.reshape(table, (batch_size, slots * vocabulary_size))
    return ops.take_along_axis(flat, slot * vocabulary_size + token, axis=1)


def _reorder(x: Any, slot: Any) -> Any:
    """`x[b, slot[b, k]]` for `x [B, K, ...]`."""
    index = slot
    for _ in range(len(x.shape) - 2):
        index = ops.expand_dims(index, -1)
    return ops.take_along_axis(x, index, axis=1)


def _reorder_state(state: Any, slot: Any, slots: int) -> Any:
    if slots == 1:
        return state
    batch_size = ops.shape(slot)[0]
    row = ops.expand_dims(ops.arange(batch_size, dtype="int32") * slots, -1)
    index = ops.reshape(row + slot, (-1,))  # [B * K]
    return tree.map_structure(lambda x: ops.take(x, index, axis=0), state)


def _extend(history: Any, choice: Choice, t: Any) -> Any:
    history = _reorder(history, choice.slot)
    here = ops.equal(ops.arange(ops.shape(history)[2], dtype="int32"), t)  # [L]
    return ops.where(here, ops.expand_dims(choice.token, -1), history)


def _mark(seen: Any, choice: Choice) -> Any:
    vocabulary = ops.arange(seen.shape[-1], dtype="int32")
    new = ops.equal(vocabulary, ops.expand_dims(choice.token, -1))  # [B, K, V]
    return ops.logical_or(_reorder(seen, choice.slot), new)


def _by_slot(x: Any, slots: int) -> Any:
    """`[B * K, ...]` to `[B, K, ...]`."""
    shape = ops.shape(x)
    return ops.reshape(x, (-1, slots, *shape[1:]))


def _mean_heads(weights: Any) -> Any:
    if weights is None:
        raise ValueError(
            "`coverage_penalty` needs attention weights. Expected: a step function "
            "that returns them. Received: None"
        )
    return weights if len(weights.shape) == 2 else ops.mean(weights, axis=1)
