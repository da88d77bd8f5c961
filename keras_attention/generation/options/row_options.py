"""Options as tensors: one value per row, in the graph."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_attention.backend.sizes import size
from keras_attention.generation.options.generation_options import GenerationOptions
from keras_attention.generation.options.length_limits import row_limits
from keras_attention.generation.options.validation import (
    LISTS,
    RANGES,
    check_prefixes,
    dtype_of,
    id_table,
)


class RowOptions(NamedTuple):
    """Every option of the search as a tensor with first dimension B.

    Attributes:
        limit: `[B]` int32, most tokens.
        banned_tokens, prefix: `[B, M]` int32, -1 in empty places.
        possible: `[B, V]` booleans: tokens that have a probability at all, or None
            for all of them.
        token_ids: `[V]` int32: the ids that the numbers 0 to V - 1 stand for, or None
            where they are the ids. Samples depend on the ids.

    The others are `[B]` and named as in `GenerationOptions`.
    """

    limit: Any
    beam_size: Any
    alternatives: Any
    min_length: Any
    length_penalty: Any
    length_power: Any
    word_bonus: Any
    coverage_penalty: Any
    beam_groups: Any
    diversity_penalty: Any
    sample: Any
    temperature: Any
    top_k: Any
    top_p: Any
    seed: Any
    repetition_penalty: Any
    no_repeat_ngram: Any
    banned_tokens: Any
    prefix: Any
    possible: Any = None
    token_ids: Any = None


def option_values(
    options: GenerationOptions,
    pad_id: int,
    end_id: int,
    vocabulary_size: int | None = None,
) -> dict[str, Any]:
    """The options by name, with ids as tables; see `id_table`.

    Raises:
        ValueError: An id is not in the vocabulary, or a prefix is no beginning.
    """
    values = {name: getattr(options, name) for name in RANGES}
    for name in LISTS:
        values[name] = id_table(name, getattr(options, name), vocabulary_size)
    if isinstance(values["prefix"], np.ndarray):
        check_prefixes(values["prefix"], pad_id, end_id)
    return values


def row_options(
    values: Mapping[str, Any], batch_size: Any, source_length: Any = None
) -> RowOptions:
    """Spread the options over the rows.

    Args:
        values: What `option_values` returned; numbers may have become tensors.
        batch_size: B.
        source_length: `[B]` valid source positions, for limits that depend on it.
    """
    rows: dict[str, Any] = {}
    for name in [field for field in RowOptions._fields if field in values]:
        tensor = ops.cast(ops.convert_to_tensor(values[name]), dtype_of(name))
        if name in LISTS:
            rows[name] = ops.broadcast_to(tensor, (batch_size, size(tensor, 1)))
        elif len(tensor.shape) == 1:
            rows[name] = tensor
        else:
            rows[name] = ops.broadcast_to(tensor, (batch_size,))
    return RowOptions(limit=row_limits(values, batch_size, source_length), **rows)


def empty_width(ids: Any) -> bool:
    """Whether a table of ids is known to hold none."""
    return ids.shape[1] == 0
