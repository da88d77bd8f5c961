r"""Functions that a loop computes at every step, of what varies and of what does not.

Of $y_t = f(v_t, W)$ autodiff adds to a sum of the size of $W$ at every step back, be
$W$ a kernel or the values that attention looks at. In training on TensorFlow the loop
keeps every $v_t$ and $\partial y_t$ instead, and

$$ \partial W = \sum_t \frac{\partial f(v_t, W)}{\partial W}^\top \partial y_t $$

is the gradient of one call with all steps, after the loop.
"""

import contextvars
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from keras_attention.layer_support.types import Size, Tensor

Constant: TypeAlias = Tensor | Callable[[], Tensor]
"""What no step changes, or how to compute it, of weights alone."""


class StepFunction(NamedTuple):
    """One function, linear in v, in the forms that a loop and its gradient take.

    Attributes:
        step: `(v, *constants)` to `y [B, ...]`.
        all_steps: `(rows [T, ...], *constants)` to `[T, B, ...]`, the same for all.
        shape: `(*constants)` to the sizes of y behind the batch.
        back: `(dy, *constants)` to the gradient of v.
    """

    step: Callable[..., Tensor]
    all_steps: Callable[..., Tensor]
    shape: Callable[..., list[Size]]
    back: Callable[..., Tensor]


class Recorder(Protocol):
    """A loop that keeps what the gradients of constants need."""

    def compute(
        self, function: StepFunction, varying: Tensor, constants: tuple[Constant, ...]
    ) -> Tensor: ...


recorder: contextvars.ContextVar[Recorder | None] = contextvars.ContextVar(
    "recorder", default=None
)


def deferring() -> bool:
    """Whether a step is traced whose loop defers gradients."""
    return recorder.get() is not None


def deferred(function: StepFunction, varying: Tensor, *constants: Constant) -> Any:
    """`function.step(varying, *constants)`, with gradients after the loop if it can."""
    loop = recorder.get()
    if loop is None:
        return plain(function, varying, constants)
    return loop.compute(function, varying, constants)


def plain(
    function: StepFunction, varying: Tensor, constants: tuple[Constant, ...]
) -> Any:
    """A step as it stands."""
    return function.step(varying, *(c() if callable(c) else c for c in constants))
