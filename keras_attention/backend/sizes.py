"""Sizes of tensors that a graph may know only when it runs."""

from typing import Any

from keras import ops


def size(x: Any, axis: int) -> Any:
    """How long an axis is: a number where that is known, else a scalar of the graph.

    `ops.shape` asks the graph for every axis, whichever is needed.
    """
    known = x.shape[axis]
    return ops.shape(x)[axis] if known is None else known
