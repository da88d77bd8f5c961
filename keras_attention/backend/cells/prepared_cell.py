"""Prepared cells: what a loop over time needs of a cell."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from keras_attention.layer_support.types import Tensor

Affine: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""`x + v @ kernel` of x and v."""


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
        kernel: `[K, N]` where `step` is `projected + v @ kernel` and what follows;
            `step` then also takes `affine`, which computes that. None elsewhere.
    """

    project: Callable[[Tensor], Any]
    step: Callable[..., tuple[Any, tuple[Any, ...]]]
    kernel: Any = None

    def with_affine(self, affine: Affine | None) -> "PreparedCell":
        """The same, with its product computed by `affine` (None: by itself)."""
        if affine is None:
            return self
        return self._replace(step=functools.partial(self.step, affine=affine))
