"""Limits of the length of an answer: of each row, and of any row."""

from collections.abc import Mapping

import numpy as np
from keras import ops

from keras_attention.generation.options.checks import numbers
from keras_attention.generation.options.option_table import LIMITS, Values
from keras_attention.layer_support.types import Tensor

_RATIO, _EXTRA = 2.0, 10  # Where nothing is said.
_UNBOUNDED = 2**31 - 1


def row_limits(
    values: Mapping[str, Values], batch_size: Tensor, source_length: Tensor = None
) -> Tensor:
    """Most tokens of each row, `[B]` int32.

    Args:
        values: `max_length` and `max_length_ratio`: None, numbers, or tensors. 0
            says the same as None, for this row.
        source_length: `[B]` or None.

    Raises:
        ValueError: The limit depends on the length of the source, which is not given.
    """
    given = _rows(values["max_length"], "int32", batch_size)  # [B]
    absolute = ops.where(given > 0, given, ops.full_like(given, _UNBOUNDED))
    if source_length is None:
        if values["max_length"] is None or values["max_length_ratio"] is not None:
            raise ValueError(
                "`max_length` has a default only where the length of the source is "
                "known: expected a positive integer or one per row. Received: "
                f"max_length={values['max_length']!r}, "
                f"max_length_ratio={values['max_length_ratio']!r}"
            )
        return ops.maximum(given, 1)
    free = given <= 0
    ratio = _rows(values["max_length_ratio"], "float32", batch_size)  # [B]
    default = free & (ratio <= 0)
    ratio = ops.where(default, ops.full_like(ratio, _RATIO), ratio)
    relative = ops.cast(
        ops.floor(ratio * ops.cast(source_length, "float32")), "int32"
    ) + ops.where(free, ops.full_like(given, _EXTRA), ops.zeros_like(given))
    relative = ops.where(ratio > 0, relative, ops.full_like(relative, _UNBOUNDED))
    return ops.maximum(ops.minimum(absolute, relative), 1)


def capacity(values: Mapping[str, Values], width: Tensor = None) -> Tensor:
    """Most tokens of any row, from what is known when a graph is compiled.

    Args:
        values: As for `row_limits`.
        width: S, a number or (under XLA, which knows it) a scalar of the graph.

    Returns:
        An int, a scalar where `width` is one, or None where nothing is known.
    """
    length, ratio = (numbers(values[name]) for name in LIMITS)
    if values["max_length_ratio"] is None and values["max_length"] is None:
        ratio = np.array(_RATIO)
    elif ratio is not None and (ratio <= 0).any():  # Rows that the ratio leaves free.
        ratio = np.maximum(ratio, _RATIO) if values["max_length"] is None else None
    bounds: list[Tensor] = []
    if length is not None:
        bounds.append(max(1, int(length.max(initial=1))))
    if ratio is not None and width is not None:
        extra = _EXTRA if length is None else 0
        most = np.float32(ratio.max(initial=0.0))
        if isinstance(width, int):
            bounds.append(max(1, int(np.floor(most * np.float32(width))) + extra))
        else:
            product = ops.cast(ops.floor(most * ops.cast(width, "float32")), "int32")
            bounds.append(ops.maximum(product + extra, 1))
    if not bounds:
        return None
    if all(isinstance(bound, int) for bound in bounds):
        return min(bounds)
    return ops.minimum(bounds[0], bounds[-1])


def _rows(value: Values, dtype: str, batch_size: Tensor) -> Tensor:
    if value is None:
        return ops.zeros((batch_size,), dtype)
    return ops.cast(ops.convert_to_tensor(value), dtype) + ops.zeros(
        (batch_size,), dtype
    )
