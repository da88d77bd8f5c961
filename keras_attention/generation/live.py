"""Hypotheses that go on."""

from typing import Any, NamedTuple

from keras import ops, tree

from keras_attention.generation.features import Needs, when
from keras_attention.generation.ngrams import lengthened
from keras_attention.generation.rows import RowOptions
from keras_attention.scan import dynamic_shapes

NOTHING = -float("inf")


class Live(NamedTuple):
    """K slots a row, dead where the score is -inf.

    What no row needs is `()`, or has no width where only the running graph can tell.

    Attributes:
        ids: `[B, K]` last tokens.
        state: The step function's state, tensors `[B * K, ...]`.
        score: `[B, K]` sums of what the search takes the tokens' log-probabilities
            to be (penalised for repetition where that is on).
        log_prob: `[B, K]` sums of the model's own log-probabilities.
        coverage: `[B, K, S]` sums of weights.
        history: `[B, K, L]` tokens so far, -1 after them.
        matched: `[B, K, L]`, see `ngrams`.
    """

    ids: Any
    state: Any
    score: Any
    log_prob: Any
    coverage: Any
    history: Any
    matched: Any


class Extension(NamedTuple):
    """What every slot goes on with, and what may end; `[B, K]` each.

    Attributes:
        slot: The slot that a slot's next hypothesis comes from.
        token: Its next token.
        score: Its score, -inf where there is none.
        may_end: Whether the hypothesis that is in this slot may end now.
    """

    slot: Any
    token: Any
    score: Any
    may_end: Any


def first_hypotheses(
    initial_state: Any,
    rows: RowOptions,
    needs: Needs,
    batch_size: Any,
    source_mask: Any,
    steps: Any,
    start_id: int,
) -> Live:
    """One empty hypothesis for every group of a beam, and for every draw."""
    slots = needs.slots
    place = ops.expand_dims(ops.arange(slots, dtype="int32"), 0)  # [1, K]
    group = ops.maximum(rows.beam_size // rows.beam_groups, 1)
    first = ops.equal(place % ops.expand_dims(group, 1), 0)
    first = ops.logical_and(first, place < ops.expand_dims(rows.beam_size, 1))
    asked = place < ops.expand_dims(rows.alternatives, 1)
    alive = ops.where(ops.expand_dims(rows.sample, 1), asked, first)  # [B, K]
    zeros = ops.zeros((batch_size, slots), "float32")
    coverage: Any = ()
    if needs.coverage is not False:
        if source_mask is None:
            raise ValueError(
                "`coverage_penalty` needs the mask of the source. Expected: "
                "`source_mask`. Received: None"
            )
        width = _width(needs.coverage, ops.shape(source_mask)[1])
        coverage = ops.zeros((batch_size, slots, width), "float32")
    history: Any = ()
    if needs.history is not False:
        width = _width(needs.history, steps)
        history = ops.full((batch_size, slots, width), -1, "int32")
    matched: Any = ()
    if needs.ngrams is not False:
        width = _width(needs.ngrams, steps)
        matched = ops.zeros((batch_size, slots, width), "int32")
    return Live(
        ids=ops.full((batch_size, slots), start_id, "int32"),
        state=tree.map_structure(
            lambda x: x if _is_one(slots) else ops.repeat(x, slots, axis=0),
            initial_state,
        ),
        score=ops.where(alive, zeros, ops.full_like(zeros, NOTHING)),
        log_prob=zeros,
        coverage=coverage,
        history=history,
        matched=matched,
    )


def remembered(live: Live, needs: Needs, choice: Extension, t: Any) -> tuple[Any, Any]:
    """`history` and `matched` of the hypotheses that go on."""

    def grown() -> Any:
        history = at_slots(live.history, choice.slot)
        matched = when(
            needs.ngrams,
            lambda: lengthened(
                history, at_slots(live.matched, choice.slot), choice.token
            ),
            lambda: live.matched,
        )
        here = ops.equal(ops.arange(ops.shape(history)[2], dtype="int32"), t)  # [L]
        return ops.where(here, ops.expand_dims(choice.token, -1), history), matched

    return when(needs.history, grown, lambda: (live.history, live.matched))


def at_slots(x: Any, slot: Any) -> Any:
    """`x[b, slot[b, k]]` for `x [B, K, ...]`."""
    shape = ops.shape(x)
    flat = ops.reshape(x, (shape[0] * shape[1], *shape[2:]))
    return _taken(flat, _flat(slot, shape[1]))  # [B, K, ...]


def state_at_slots(state: Any, slot: Any, slots: Any) -> Any:
    """The state's tensors `[B * K, ...]` in the order of `slot [B, K]`."""
    if _is_one(slots):
        return state
    index = ops.reshape(_flat(slot, slots), (-1,))  # [B * K]
    return tree.map_structure(lambda x: ops.take(x, index, axis=0), state)


def pick(table: Any, slot: Any, token: Any) -> Any:
    """`table[b, slot, token]` for `[B, K]` slots and tokens."""
    _, slots, size = ops.shape(table)
    flat = ops.reshape(table, (-1,))
    return _taken(flat, _flat(slot, slots) * size + token)  # [B, K]


def own_slots(batch_size: Any, slots: Any) -> Any:
    """`[B, K]`, every slot its own."""
    row = ops.expand_dims(ops.arange(slots, dtype="int32"), 0)
    return ops.broadcast_to(row, (batch_size, slots))


def by_slot(x: Any, slots: Any) -> Any:
    """`[B * K, ...]` to `[B, K, ...]`."""
    shape = ops.shape(x)
    return ops.reshape(x, (shape[0] // slots, slots, *shape[1:]))


def _flat(slot: Any, slots: Any) -> Any:
    row = ops.expand_dims(ops.arange(ops.shape(slot)[0], dtype="int32"), -1)
    return row * slots + slot


def _taken(flat: Any, index: Any) -> Any:
    # One axis of indices: JAX takes no other from what has no rows.
    rows = ops.take(flat, ops.reshape(index, (-1,)), axis=0)
    return ops.reshape(rows, (*ops.shape(index), *ops.shape(flat)[1:]))


def _width(needed: Any, width: Any) -> Any:
    """0 where the running graph finds that the buffer is not needed."""
    if needed is True or not dynamic_shapes():
        return width
    return ops.where(needed, width, 0)


def _is_one(slots: Any) -> bool:
    return isinstance(slots, int) and slots == 1
