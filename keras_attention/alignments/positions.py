"""Where a position stands among the valid ones of its row."""

from typing import Any

from keras import ops


def places(mask: Any, dtype: Any) -> Any:
    """Number of valid positions before each, `[B, S]`.

    Padding is not counted, wherever it stands: a row padded on the left has the
    same places as one padded on the right.
    """
    valid = ops.cast(mask, dtype)
    return ops.cumsum(valid, axis=-1) - valid


def row_lengths(mask: Any, dtype: Any) -> Any:
    """Valid positions of each row, `[B, 1]`."""
    return ops.sum(ops.cast(mask, dtype), axis=-1, keepdims=True)
