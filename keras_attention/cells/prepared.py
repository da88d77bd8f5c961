"""What a loop over time needs of a cell."""

from collections.abc import Callable
from typing import Any, NamedTuple


class PreparedCell(NamedTuple):
    """A cell whose per-sentence work is done: two pure functions.

    A cell's input is `[x_t; fed_t]`: `x` is known before the loop, `fed` only
    inside it (a context, the previous output, the output of the cell below).

    Attributes:
        project: `x [..., D]` to what `step` wants of it, for all steps at once.
        step: `(projected_t, fed_t or None, states) -> (output, states)`.
    """

    project: Callable[[Any], Any]
    step: Callable[[Any, Any, tuple[Any, ...]], tuple[Any, tuple[Any, ...]]]
