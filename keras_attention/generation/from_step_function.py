"""Generation with any step function."""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops, tree

from keras_attention.backend.weights import weights_with_heads
from keras_attention.generation.options.features import Features, all_greedy, features
from keras_attention.generation.options.generation_options import GenerationOptions
from keras_attention.generation.options.length_limits import capacity, row_limits
from keras_attention.generation.options.row_options import (
    OptionValues,
    RowOptions,
    option_values,
    row_options,
)
from keras_attention.generation.result import Generation, as_first
from keras_attention.generation.search.beam_search_loop import (
    SpecialIds,
    StepFunction,
    search,
)
from keras_attention.generation.search.greedy import greedy
from keras_attention.layer_support.types import Mask, Memory, State, Tensor


class Source(NamedTuple):
    """What generation knows of the source: B, `[B]` or None, `[B, S]` or None."""

    batch_size: Tensor
    length: Tensor
    mask: Mask


def generate(
    step_fn: StepFunction,
    initial_state: State,
    options: GenerationOptions | None = None,
    *,
    pad_id: int = 0,
    start_id: int = 1,
    end_id: int = 2,
    source_length: Tensor = None,
    source_mask: Mask = None,
    batch_size: Tensor = None,
    vocabulary_size: int | None = None,
    max_beam_size: int | None = None,
) -> Generation:
    r"""Generate with any step function, in eager code or in a graph.

    Greedy where nothing else is asked for, otherwise beam search or sampling, every
    row with its own options. Padding is never chosen.

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
        vocabulary_size: V, to check the ids in the options by.
        max_beam_size: K where `beam_size` is a tensor of a graph, and N where
            `alternatives` is one: no row may ask for more, which is not checked.

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
    options.check_rows(batch_size)
    return run(
        lambda memory, slots: step_fn,
        None,
        initial_state,
        option_values(options, pad_id, end_id, vocabulary_size),
        # The step function may be made for so many hypotheses.
        features(options, max_beam_size, fixed_sizes=True),
        SpecialIds(pad_id, start_id, end_id),
        Source(batch_size, source_length, source_mask),
    )


def run(
    stepper: Callable[[Memory, Tensor], StepFunction],
    memory: Memory,
    initial_state: State,
    values: OptionValues,
    features: Features,
    special: SpecialIds,
    source: Source,
    adapted: Callable[[RowOptions], RowOptions] = lambda rows: rows,
) -> Generation:
    """Greedy search where that is all that is asked for, else `search.search`.

    Where only the running graph can tell, it decides there.

    Args:
        stepper: Given the memory and K, a step function as for `ka.generate`, for
            `B * K` rows.
        memory: Tensors `[B, ...]`: rows that have ended are left out of it. None: all
            rows stay to the end.
        initial_state: Tensors `[B, ...]`.
        values: The options, from `option_values`.
        features: What is known of them.
        special: The special ids.
        source: The source.
        adapted: What becomes of the options before they are searched by.
    """
    width = None if source.mask is None else ops.shape(source.mask)[1]
    most = capacity(values, width)

    def with_heads(memory: Memory, slots: Tensor = 1) -> StepFunction:
        step_fn = stepper(memory, slots)

        def step(ids: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
            logits, weights, state = step_fn(ids, state)
            return logits, weights_with_heads(weights, rank=3), state

        return step

    def public(generation: Generation) -> Generation:
        weights, heads = generation.weights, 2 if features.several else 1
        if weights is None or weights.shape[heads] != 1:
            return generation
        return generation._replace(weights=ops.squeeze(weights, heads))

    def simply(limits: Tensor) -> Generation:
        answer = greedy(
            with_heads,
            memory,
            initial_state,
            limits,
            source.batch_size,
            *special,
            most,
        )
        if features.several:
            answer = as_first(answer, features.answers, special.pad)
        return answer

    if features.greedy:
        limits = row_limits(values, source.batch_size, source.length)
        return public(simply(limits))
    rows = adapted(row_options(values, source.batch_size, source.length))

    def searching() -> Generation:
        return search(
            with_heads,
            memory,
            initial_state,
            rows,
            features,
            special,
            source.mask,
            most,
        )

    if features.greedy is False:
        return public(searching())

    def branch(generation: Generation) -> dict[str, Tensor]:
        """Branches of a graph return the same structure, of the same types."""
        fields = generation._asdict()
        fields["log_probs"] = ops.cast(fields["log_probs"], "float32")
        return {name: x for name, x in fields.items() if x is not None}

    answer = ops.cond(
        all_greedy(values, rows),
        lambda: branch(simply(rows.limit)),
        lambda: branch(searching()),
    )
    return public(Generation(**({"weights": None} | answer)))
