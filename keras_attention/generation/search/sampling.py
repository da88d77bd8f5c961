"""Sampling: every slot goes on with a draw of its own."""

from keras import ops

from keras_attention.backend.sizes import size, when
from keras_attention.generation.constraints import keep_likely
from keras_attention.generation.options.features import Features
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.search import random_numbers
from keras_attention.generation.search.hypotheses import Extension, Grid
from keras_attention.layer_support.types import Tensor


def draw(
    log_probs: Tensor,
    t: Tensor,
    rows: RowOptions,
    features: Features,
    grid: Grid,
    end_id: int,
) -> Extension:
    """A draw for every slot; those that drew the end may end.

    Args:
        log_probs: `[B, K, V]` log-probabilities of the tokens, -inf where not allowed.
        features: Whether unlikely tokens are left out anywhere.
    """
    logits = log_probs / ops.reshape(rows.temperature, (-1, 1, 1))
    logits = when(
        features.truncated, lambda: keep_likely(logits, rows), lambda: logits
    )  # [B, K, V]
    ids = size(log_probs, 2) if rows.token_ids is None else rows.token_ids
    noise = random_numbers.gumbel(rows.seed, grid.slots, t, ids)
    token = ops.cast(ops.argmax(logits + noise, axis=-1), "int32")  # [B, K]
    ended = ops.equal(token, end_id)
    return Extension(slot=grid.own, token=token, there=~ended, may_end=ended)
