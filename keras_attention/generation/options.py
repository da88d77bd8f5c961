"""What a user may ask of generation, checked in one place."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops


@dataclass(frozen=True)
class GenerationOptions:
    """How to generate; every field is a scalar or one value per row, `[B]`.

    Attributes:
        max_length: Most target tokens, end included. None allows
            `2 * source length + 10`, counted for each row by its own source.

    Raises:
        ValueError: A value is out of range; the message names the option, and
            the row where there is one value per row.
        TypeError: A value of the wrong type.

    Example:

    >>> import keras_attention as ka
    >>> ka.GenerationOptions(max_length=[5, 9]).max_length
    [5, 9]
    """

    max_length: Any = None

    def __post_init__(self) -> None:
        if self.max_length is not None:
            _check_positive_integers("max_length", self.max_length)

    def limits(self, batch_size: Any, source_length: Any = None) -> Any:
        """Most tokens of each row, `[B]` int32.

        Args:
            batch_size: B.
            source_length: `[B]` valid source positions, for the default.
        """
        if self.max_length is None:
            if source_length is None:
                raise ValueError(
                    "`max_length` has a default only where the length of the "
                    "source is known: expected a positive integer or one per row. "
                    "Received: max_length=None"
                )
            return 2 * ops.cast(source_length, "int32") + 10
        limit = ops.convert_to_tensor(self.max_length, dtype="int32")
        if len(limit.shape) == 1:
            rows = limit.shape[0]
            if isinstance(batch_size, int) and rows is not None and rows != batch_size:
                raise ValueError(
                    "`max_length` must be a scalar or have one value per row. "
                    f"Expected: {batch_size} values. Received: {rows}"
                )
            return limit
        return ops.broadcast_to(limit, (batch_size,))


def _check_positive_integers(option: str, value: Any) -> None:
    try:
        array = np.asarray(value)
    except (NotImplementedError, TypeError, RuntimeError):
        return  # A tensor of a graph that is being traced: it has no value yet.
    if array.dtype.kind == "O":
        return
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"`{option}` must be an integer or one per row. Received: "
            f"{option}={value!r} (dtype {array.dtype})"
        )
    if array.ndim > 1:
        raise ValueError(
            f"`{option}` must be a scalar or have one value per row. "
            f"Received: shape {array.shape}"
        )
    for row in np.flatnonzero(np.atleast_1d(array) < 1):
        where = f" in row {row}" if array.ndim else ""
        raise ValueError(
            f"`{option}` must be at least 1. "
            f"Received: {np.atleast_1d(array)[row]}{where}"
        )
