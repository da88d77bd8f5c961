"""Greedy search: the fast path when nothing else is asked for."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops, tree

from keras_attention.backend.loop import room
from keras_attention.backend.masks import zero_rows
from keras_attention.backend.precision import at_least_float32
from keras_attention.backend.sizes import size
from keras_attention.backend.top import argmax
from keras_attention.generation.result import Generation
from keras_attention.generation.search.beam_search_loop import StepFunction
from keras_attention.generation.search.compaction import RowSearch, unfold_rows
from keras_attention.layer_support.types import Memory, Nested, State, Tensor


def greedy(
    stepper: Callable[[Memory], StepFunction],
    memory: Memory,
    initial_state: State,
    limits: Tensor,
    batch_size: Tensor,
    pad_id: int,
    start_id: int,
    end_id: int,
    capacity: Tensor = None,
) -> Generation:
    r"""$y_t = \arg\max_y \log p(y \mid y_{<t}, x)$ until the end or the limit.

    Args:
        stepper: Given the memory or some rows of it, a step function as for
            `ka.generate`, with weights `[B, H, S]` or None.
        memory: Tensors `[B, ...]`, or None where rows cannot be left out.
        initial_state: Tensors `[B, ...]`.
        limits: `[B]` int32, most tokens of each row.
        pad_id, start_id, end_id: The special tokens. Padding is never chosen.
        capacity: The most steps, where that must be known before (`loop.room`).
    """

    def step(
        step_fn: StepFunction, limits: Tensor, t: Tensor, carried: Nested
    ) -> tuple[Nested, dict[str, Tensor]]:
        ids, state, ended, log_probs, lengths = carried
        logits, weights, state = step_fn(ids, state)
        logits = ops.cast(logits, at_least_float32(logits.dtype))
        # Padding means "after the end": a row that emitted it could not be read.
        tokens = ops.arange(size(logits, 1), dtype="int32")
        infinite = ops.where(ops.equal(tokens, pad_id), -float("inf"), float("inf"))
        allowed = ops.minimum(logits, ops.cast(infinite, logits.dtype))  # [B, V]
        chosen = argmax(allowed)  # [B]
        # The chosen logit is the largest, so no gather is needed.
        # (`initial`: without it Keras refuses a batch of zero rows.)
        best = ops.max(allowed, axis=-1, initial=-float("inf"))  # [B]
        top = ops.maximum(best, logits[:, pad_id])  # [B]
        shifted = logits - ops.expand_dims(top, -1)  # [B, V]
        log_prob = best - top - ops.log(ops.sum(ops.exp(shifted), axis=-1))  # [B]
        log_probs = ops.where(ended, log_probs, log_probs + log_prob)
        lengths = lengths + ops.cast(~ended, "int32")
        emitted = {"ids": chosen}
        if weights is not None:
            emitted["weights"] = weights
        ended = ended | ops.equal(chosen, end_id) | (lengths >= limits)
        return (chosen, state, ended, log_probs, lengths), emitted

    def step_over(fixed: Nested) -> Callable[..., Any]:
        memory, limits = fixed
        return functools.partial(step, stepper(memory), limits)

    zeros = ops.zeros((batch_size,), "int32")
    carried = (
        zeros + start_id,
        initial_state,
        ops.zeros((batch_size,), "bool"),
        ops.zeros((batch_size,), _log_prob_dtype(initial_state)),
        zeros,
    )
    bound = ops.max(ops.concatenate([limits, ops.ones((1,), "int32")]))
    (log_probs, lengths), emitted, steps = unfold_rows(
        RowSearch(
            step_over,
            ended=lambda carried: carried[2],
            answers=lambda carried: carried[3:],
        ),
        (memory, limits),
        carried,
        bound,
        room(bound, capacity),
        batch_size,
        slots=None if memory is None else 1,
    )
    ids = ops.transpose(emitted["ids"])  # [B, T]
    columns = ops.arange(size(ids, 1), dtype="int32")
    written = ops.expand_dims(columns, 0) < ops.expand_dims(lengths, 1)  # [B, T]
    ids = ops.where(written, ids, pad_id)
    weights = emitted.get("weights")
    if weights is not None:
        weights = zero_rows(ops.transpose(weights, (1, 2, 0, 3)), written)
    return Generation(ids, lengths, log_probs, weights, steps)


def _log_prob_dtype(state: State) -> str:
    """float64 only for a model that computes in it."""
    dtypes = {keras.backend.standardize_dtype(x.dtype) for x in tree.flatten(state)}
    return "float64" if "float64" in dtypes else "float32"
