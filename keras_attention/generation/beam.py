"""Beam search: the best extensions of all hypotheses of a row go on together."""

from typing import Any

from keras import ops

from keras_attention.generation.live import NOTHING, Extension, pick


def beam(rank: Any, totals: Any, size: Any, end_id: int) -> Extension:
    """The best extensions that go on, and which hypotheses may end.

    A hypothesis may end where its extension by the end is among the first `size` of
    all extensions; the best `size` of the others go on.

    Args:
        rank: `[B, K, V]` what extensions are chosen by, -inf where there is none.
        totals: `[B, K, V]` their scores.
        size: `[B, 1]` hypotheses that a row may keep, at most K.
        end_id: The end.
    """
    batch_size, slots, vocabulary_size = ops.shape(rank)
    flat = ops.reshape(rank, (batch_size, slots * vocabulary_size))
    # At most one of a slot's extensions is the end: 2K hold K that go on.
    ranks, places = ops.top_k(flat, 2 * slots)  # [B, 2K]
    places = ops.cast(places, "int32")
    is_end = ops.equal(places % vocabulary_size, end_id)
    # By their places among the first, not by comparing ranks: a compiler may compute
    # the same rank twice and round it differently.
    first = ops.arange(2 * slots, dtype="int32") < size  # [B, 2K]
    ending = ops.where(
        ops.logical_and(is_end, first),
        places // vocabulary_size,
        ops.full_like(places, -1),
    )
    own = ops.reshape(ops.arange(slots, dtype="int32"), (1, -1, 1))
    may_end = ops.any(ops.equal(ops.expand_dims(ending, 1), own), axis=2)  # [B, K]
    kept, order = ops.top_k(
        ops.where(is_end, ops.full_like(ranks, NOTHING), ranks), slots
    )  # [B, K]
    places = ops.take_along_axis(places, ops.cast(order, "int32"), axis=1)
    slot, token = places // vocabulary_size, places % vocabulary_size
    used = ops.arange(slots, dtype="int32") < size  # [B, K]
    alive = ops.logical_and(used, kept > NOTHING)
    score = pick(totals, slot, token)
    return Extension(
        slot=slot,
        token=token,
        score=ops.where(alive, score, ops.full_like(score, NOTHING)),
        may_end=may_end,
    )
