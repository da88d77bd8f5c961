"""Sizes and conditions that a graph may know only when it runs."""

from collections.abc import Callable
from typing import Any, TypeVar

from keras import ops

from keras_attention.layer_support.types import Nested, Tensor

_Result = TypeVar("_Result", bound=Nested)


def size(x: Any, axis: int) -> Any:
    """How long an axis is: a number where that is known, else a scalar of the graph.

    `ops.shape` asks the graph for every axis, whichever is needed.
    """
    known = x.shape[axis]
    return ops.shape(x)[axis] if known is None else known


def when(
    needed: Tensor, then: Callable[[], _Result], otherwise: Callable[[], _Result]
) -> _Result:
    """`then()` where it is needed: decided now if that is known, else in the graph.

    Args:
        needed: A bool or a boolean scalar.
    """
    if isinstance(needed, bool):
        return then() if needed else otherwise()
    return ops.cond(needed, then, otherwise)
