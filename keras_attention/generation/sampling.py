"""Sampling: every slot goes on with a draw of its own."""

from typing import Any

from keras import ops

from keras_attention.generation import random
from keras_attention.generation.features import Needs, when
from keras_attention.generation.live import NOTHING, Extension, own_slots, pick
from keras_attention.generation.processors import keep_likely
from keras_attention.generation.rows import RowOptions


def draw(
    totals: Any, taken: Any, t: Any, rows: RowOptions, needs: Needs, end_id: int
) -> Extension:
    """A draw for every slot; those that drew the end may end.

    Args:
        totals: `[B, K, V]` scores of all extensions.
        taken: `[B, K, V]` log-probabilities of the tokens, -inf where not allowed.
        t: int32 scalar.
        rows: The options.
        needs: Whether unlikely tokens are left out anywhere.
        end_id: The end.
    """
    batch_size, slots, vocabulary_size = ops.shape(totals)
    logits = taken / ops.reshape(rows.temperature, (-1, 1, 1))
    logits = when(
        needs.truncated, lambda: keep_likely(logits, rows), lambda: logits
    )  # [B, K, V]
    ids = vocabulary_size if rows.token_ids is None else rows.token_ids
    noise = random.gumbel(rows.seed, slots, t, ids)
    token = ops.cast(ops.argmax(logits + noise, axis=-1), "int32")  # [B, K]
    slot = own_slots(batch_size, slots)
    score = pick(totals, slot, token)
    ended = ops.equal(token, end_id)
    alive = ops.logical_and(score > NOTHING, ops.logical_not(ended))
    return Extension(
        slot=slot,
        token=token,
        score=ops.where(alive, score, ops.full_like(score, NOTHING)),
        may_end=ended,
    )
