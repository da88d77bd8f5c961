"""Hypotheses that go on."""

from typing import NamedTuple

from keras import ops, tree

from keras_attention.backend.gather import gather
from keras_attention.backend.loop import dynamic_shapes
from keras_attention.backend.sizes import size, when
from keras_attention.generation.no_repeat_ngram import lengthened
from keras_attention.generation.options.features import Features, Flag
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.layer_support.types import Ids, Mask, State, Tensor

NOTHING = -float("inf")


class Hypotheses(NamedTuple):
    """Hypotheses that go on, in K slots a row; a slot with score -inf is empty.

    What no row needs is `()`, or has no width where only the running graph can tell.

    Attributes:
        ids: `[B, K]` last tokens.
        state: The step function's state, tensors `[B * K, ...]`.
        score: `[B, K]` sums of what the search takes the tokens' log-probabilities
            to be (penalised for repetition where that is on).
        log_prob: `[B, K]` sums of the model's own log-probabilities; `()` where these
            are the score.
        coverage: `[B, K, S]` sums of weights.
        history: `[B, K, L]` tokens so far, -1 after them.
        matched: `[B, K, L]`, see `no_repeat_ngram`.
    """

    ids: Ids
    state: State
    score: Tensor
    log_prob: Tensor
    coverage: Tensor
    history: Ids
    matched: Tensor


class Extension(NamedTuple):
    """What every slot goes on with, and what may end; `[B, K]` each.

    Attributes:
        slot: The slot that a slot's next hypothesis comes from.
        token: Its next token.
        there: Whether there is such a hypothesis.
        may_end: Whether the hypothesis that is in this slot may end now.
    """

    slot: Tensor
    token: Ids
    there: Mask
    may_end: Mask


class Grid(NamedTuple):
    """The slots of a batch, which no step changes.

    Attributes:
        rows: B.
        slots: K.
        own: `[B, K]`, every slot its own.
        first: `[B, 1]`, where the slots of a row begin among those of all.
        group: `[B, K]`, the beam group of every slot, 0 where there is one group.
        quota: `[B, 1]`, hypotheses of a group; all slots of a row that samples.
    """

    rows: Tensor
    slots: Tensor
    own: Tensor
    first: Tensor
    group: Tensor
    quota: Tensor


def slot_grid(rows: RowOptions, slots: Tensor) -> Grid:
    """K slots for each row."""
    batch_size = ops.shape(rows.limit)[0]
    row = ops.expand_dims(ops.arange(batch_size, dtype="int32"), 1)  # [B, 1]
    slot = ops.expand_dims(ops.arange(slots, dtype="int32"), 0)  # [1, K]
    own = ops.zeros_like(row) + slot  # [B, K]
    size = rows.beam_size // rows.beam_groups
    size = ops.where(rows.sample, ops.full_like(size, 2**30), ops.maximum(size, 1))
    quota = ops.expand_dims(size, 1)  # [B, 1]
    return Grid(batch_size, slots, own, row * slots, own // quota, quota)


def first_hypotheses(
    initial_state: State,
    rows: RowOptions,
    features: Features,
    grid: Grid,
    source_mask: Mask,
    steps: Tensor,
    start_id: int,
) -> Hypotheses:
    """One empty hypothesis for every group of a beam, and for every draw."""
    slots, slot = grid.slots, grid.own
    first = ops.equal(slot % grid.quota, 0)
    first = first & (slot < ops.expand_dims(rows.beam_size, 1))
    asked = slot < ops.expand_dims(rows.alternatives, 1)
    alive = ops.where(ops.expand_dims(rows.sample, 1), asked, first)  # [B, K]
    zeros = ops.cast(ops.zeros_like(slot), "float32")  # [B, K]
    if features.coverage is not False and source_mask is None:
        raise ValueError(
            "`coverage_penalty` needs the mask of the source. Expected: `source_mask`. "
            "Received: None"
        )

    def buffer(needed: Flag, width: Tensor, fill: float, dtype: str) -> Tensor:
        if needed is False:
            return ()
        if needed is not True and dynamic_shapes():
            width = ops.where(needed, width, 0)
        return ops.full((grid.rows, slots, width), fill, dtype)

    return Hypotheses(
        ids=ops.zeros_like(slot) + start_id,
        state=tree.map_structure(
            lambda x: x if _is_one(slots) else ops.repeat(x, slots, axis=0),
            initial_state,
        ),
        score=ops.where(alive, zeros, NOTHING),
        log_prob=() if features.repetition is False else zeros,
        coverage=buffer(
            features.coverage,
            0 if features.coverage is False else size(source_mask, 1),
            0.0,
            "float32",
        ),  # [B, K, S]
        history=buffer(features.history, steps, -1, "int32"),  # [B, K, L]
        matched=buffer(features.ngrams, steps, 0, "int32"),  # [B, K, L]
    )


def longer_history(
    hypotheses: Hypotheses, features: Features, choice: Extension, t: Tensor
) -> tuple[Tensor, Tensor]:
    """`history` and `matched` of the hypotheses that go on."""

    def grown() -> tuple[Tensor, Tensor]:
        history = at_slots(hypotheses.history, choice.slot)
        matched = when(
            features.ngrams,
            lambda: lengthened(
                history, at_slots(hypotheses.matched, choice.slot), choice.token
            ),
            lambda: hypotheses.matched,
        )
        here = ops.equal(ops.arange(size(history, 2), dtype="int32"), t)  # [L]
        return ops.where(here, ops.expand_dims(choice.token, -1), history), matched

    return when(
        features.history, grown, lambda: (hypotheses.history, hypotheses.matched)
    )


def at_slots(x: Tensor, slot: Tensor) -> Tensor:
    """`x[b, slot[b, k]]` for `x [B, K, ...]`."""
    return gather(x, slot, batch_axes=1)  # [B, K, ...]


def state_at_slots(state: State, slot: Tensor, grid: Grid) -> State:
    """The state's tensors `[B * K, ...]` in the order of `slot [B, K]`."""
    if _is_one(grid.slots):
        return state
    index = ops.reshape(grid.first + slot, (-1,))  # [B * K]
    return tree.map_structure(lambda x: gather(x, index), state)


def at_tokens(table: Tensor, slot: Tensor, token: Ids) -> Tensor:
    """`table[b, slot, token]` for `[B, K]` slots and tokens."""
    slots, width = size(table, 1), size(table, 2)
    flat = ops.reshape(table, (-1, slots * width))  # [B, K * V]
    return gather(flat, slot * width + token, batch_axes=1)


def by_slot(x: Tensor, slots: Tensor) -> Tensor:
    """`[B * K, ...]` to `[B, K, ...]`."""
    rest = (size(x, axis) for axis in range(1, len(x.shape)))
    return ops.reshape(x, (-1, slots, *rest))


def _is_one(slots: Tensor) -> bool:
    return isinstance(slots, int) and slots == 1
