"""Generation with any step function: the way in."""

from collections.abc import Callable
from typing import Any

from keras import ops, tree

from keras_attention.generation.greedy import greedy
from keras_attention.generation.options import GenerationOptions
from keras_attention.generation.result import Generation
from keras_attention.generation.rows import (
    features,
    is_greedy,
    row_limits,
    row_options,
)
from keras_attention.generation.search import SpecialIds, search

StepFunction = Callable[[Any, Any], tuple[Any, Any, Any]]


def generate(
    step_fn: StepFunction,
    initial_state: Any,
    options: GenerationOptions | None = None,
    *,
    pad_id: int = 0,
    start_id: int = 1,
    end_id: int = 2,
    source_length: Any = None,
    source_mask: Any = None,
    batch_size: Any = None,
    vocabulary_size: int | None = None,
    max_beam_size: int | None = None,
) -> Generation:
    r"""Generate with any step function, in eager code or in a graph.

    Greedy where nothing else is asked for, otherwise `generation.search`: beam
    search or sampling, every row with its own options. Padding is never chosen.

    Args:
        step_fn: `logits, weights, state = step_fn(ids, state)` with `ids [B]`
            the previous tokens, `logits [B, V]`, `weights [B, S]`, `[B, H, S]`
            or None, and `state` a structure of tensors `[B, ...]`. With a beam
            of K it is called for `B * K` rows, row b's hypotheses together (for
            a decoder: `decoder.stepper(memory, beam_size=K)`).
        initial_state: The state before the first step.
        options: `ka.GenerationOptions`; None takes the defaults.
        pad_id, start_id, end_id: The special tokens.
        source_length: `[B]`, for options that depend on it.
        source_mask: `[B, S]`, for the coverage penalty; implies the length.
        batch_size: B, default the first dimension of the first state tensor.
        vocabulary_size: V, needed for everything but greedy search.
        max_beam_size: Bound on `beam_size` where that is a tensor of a graph.

    Returns:
        `ka.Generation`.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> table = np.eye(4, dtype="float32")[[0, 3, 0, 2]]  # start > 3 > end
    >>> generation = ka.generate(
    ...     lambda ids, state: (keras.ops.take(table, ids, axis=0), None, state),
    ...     np.zeros((1, 1), "float32"),
    ...     ka.GenerationOptions(max_length=5),
    ... )
    >>> np.asarray(generation.ids).tolist()
    [[3, 2]]
    """
    options = options or GenerationOptions()
    initial_state = tree.map_structure(ops.convert_to_tensor, initial_state)
    if batch_size is None:
        batch_size = ops.shape(tree.flatten(initial_state)[0])[0]
    if source_length is None and source_mask is not None:
        source_length = ops.sum(ops.cast(source_mask, "int32"), axis=-1)
    if is_greedy(options):
        limits = row_limits(options, batch_size, source_length)
        return greedy(
            step_fn, initial_state, limits, batch_size, pad_id, start_id, end_id
        )
    if vocabulary_size is None:
        raise ValueError(
            "These options need `vocabulary_size`. Expected: the depth of the "
            "logits. Received: vocabulary_size=None"
        )
    return search(
        step_fn,
        initial_state,
        row_options(options, batch_size, vocabulary_size, source_length),
        features(options, max_beam_size),
        options.alternatives,
        SpecialIds(pad_id, start_id, end_id),
        source_mask,
    )
