"""Prepared cells: what a loop over time needs of a cell."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras_attention.layer_support.types import Tensor


class Multiplied(NamedTuple):
    """What is fed to a cell, as its product `[B, N]` with the kernel's rows for it."""

    product: Tensor

    def added_to(self, projected: Tensor) -> Any:
        """What the cell adds up before its gates; None is nothing."""
        return self.product if projected is None else projected + self.product


class PreparedCell(NamedTuple):
    """A cell whose per-sentence work is done: two pure functions.

    A cell's input is `[x_t; fed_t]`: `x` is known before the loop, `fed` only
    inside it (a context, the previous output, the output of the cell below).

    Attributes:
        project: `x [..., D]` to what `step` wants of it, for all steps at once.
        step: `(projected_t, fed_t or None, states) -> (output, states)`; where
            `CellStack.fed_kernel` is, what is fed may be `Multiplied`.
    """

    project: Callable[[Tensor], Any]
    step: Callable[..., tuple[Any, tuple[Any, ...]]]
