"""Options as tensors: one value per row, in the graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from keras import ops

from keras_attention.backend.sizes import size
from keras_attention.generation.options.checks import check_prefixes, id_table
from keras_attention.generation.options.generation_options import GenerationOptions
from keras_attention.generation.options.length_limits import row_limits
from keras_attention.generation.options.option_table import (
    LIMITS,
    LISTS,
    OPTIONS,
    IdLists,
    OptionTable,
    Values,
)
from keras_attention.layer_support.types import Ids, Mask, Tensor

OptionValues: TypeAlias = Mapping[str, Values | IdLists]
"""Options by name, with ids as tables."""


@dataclass(frozen=True)
class RowOptions(OptionTable):
    """Options of a batch: tensors `[B]`, of ids `[B, M]` int32 with -1 in empty places.

    Attributes:
        max_length, max_length_ratio: None; `limit` is what they come to.
        limit: `[B]` int32, most tokens.
        possible: `[B, V]` booleans: tokens that have a probability at all, or None
            for all of them.
        token_ids: `[V]` int32: the ids that the numbers 0 to V - 1 stand for, or None
            where they are the ids. Samples depend on the ids.
    """

    limit: Tensor = field(kw_only=True)
    possible: Mask = None
    token_ids: Ids = None

    def by_row(self) -> dict[str, Tensor]:
        """The fields that have a row for each row of the batch."""
        named = vars(self) | {"token_ids": None}
        return {name: x for name, x in named.items() if x is not None}


def option_values(
    options: GenerationOptions,
    pad_id: int,
    end_id: int,
    vocabulary_size: int | None = None,
) -> dict[str, Values | IdLists]:
    """The options by name, with ids as tables; see `id_table`.

    Raises:
        ValueError: An id is not in the vocabulary, or a prefix is no beginning.
    """
    values = {name: getattr(options, name) for name in OPTIONS}
    for name in LISTS:
        values[name] = id_table(name, values[name], vocabulary_size)
    if isinstance(values["prefix"], np.ndarray):
        check_prefixes(values["prefix"], pad_id, end_id)
    return values


def row_options(
    values: OptionValues, batch_size: Tensor, source_length: Tensor = None
) -> RowOptions:
    """Spread the options over the rows.

    Args:
        values: What `option_values` returned; numbers may have become tensors.
        source_length: `[B]` valid source positions, for limits that depend on it.
    """
    rows: dict[str, Tensor] = dict.fromkeys(LIMITS)
    for name, option in OPTIONS.items():
        if name in LIMITS:
            continue
        tensor = ops.cast(ops.convert_to_tensor(values[name]), option.dtype)
        if option.kind == "ids":
            tensor = ops.broadcast_to(tensor, (batch_size, size(tensor, 1)))
        elif len(tensor.shape) == 0:
            tensor = ops.broadcast_to(tensor, (batch_size,))
        rows[name] = tensor
    return RowOptions(limit=row_limits(values, batch_size, source_length), **rows)


def empty_width(ids: Ids) -> bool:
    """Whether a table of ids is known to hold none."""
    return ids.shape[1] == 0
