"""Prepared cells: what a loop over time needs of a cell."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras_attention.layer_support.types import Tensor


class PreparedCell(NamedTuple):
    """A cell whose per-sentence work is done: two pure functions.

    A cell's input is `[x_t; fed_t]`: `x` is known before the loop, `fed` only
    inside it (a context, the previous output, the output of the cell below).

    Attributes:
        project: `x [..., D]` to what `step` wants of it, for all steps at once.
        step: `(projected_t, fed_t or None, states) -> (output, states)`.
    """

    project: Callable[[Tensor], Any]
    step: Callable[..., tuple[Any, tuple[Any, ...]]]
