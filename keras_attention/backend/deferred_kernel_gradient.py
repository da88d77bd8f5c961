r"""The gradient of a kernel that a loop multiplies by, in one product.

A loop computes $z_t = x_t + v_t W$ at every step. Differentiated as it stands, the
backward loop adds $v_t^\top \, \partial z_t$ to a sum of the size of $W$ at every
step. Here the loop sees $W$ as a constant and hands out every $v_t$; since
$\partial x_t = \partial z_t$, the gradient of the inputs $x$ already holds every
$\partial z_t$, and

$$ \partial W = \sum_t v_t^\top \, \partial z_t $$

is one matrix product over all steps after the loop. The backward loop multiplies by
$W^\top$, which is laid out before it: TensorFlow would lay it out again at every step.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


class DeferredKernel:
    """One kernel of one loop.

    Args:
        kernel: `[K, N]`.
    """

    def __init__(self, kernel: Any) -> None:
        self.kernel = tf.convert_to_tensor(kernel)
        self._transposed = tf.transpose(tf.stop_gradient(self.kernel))  # [N, K]
        self._rows: Any = None
        self._recorded: Any = None

    def attach(self, x: Any) -> Any:
        """`x [T, B, N]` with the kernel's gradient behind it; call before the loop."""

        @tf.custom_gradient
        def attached(x: Any, kernel: Any) -> Any:
            def gradient(dx: Any) -> Any:
                rows = tf.reshape(self._rows, [-1, kernel.shape[0]])  # [T * B, K]
                flat = tf.reshape(dx, [-1, kernel.shape[1]])  # [T * B, N]
                return dx, tf.matmul(rows, flat, transpose_a=True)

            return tf.identity(x), gradient

        return attached(x, self.kernel)

    def affine(self, x: Any, v: Any) -> Any:
        """`x + v @ kernel`, once in every step, with `x` a row of what was attached."""
        self._recorded = tf.stop_gradient(v)

        @tf.custom_gradient
        def product(v: Any) -> Any:
            kernel = tf.stop_gradient(self.kernel)
            return tf.matmul(v, kernel), lambda dz: tf.matmul(dz, self._transposed)

        return x + product(v)

    def take_recorded(self) -> Any:
        """The `v` of the step that was just traced; the loop hands it out."""
        recorded, self._recorded = self._recorded, None
        if recorded is None:
            raise RuntimeError("a step must use every deferred kernel exactly once")
        return recorded

    def finish(self, rows: Any) -> None:
        """Give the stacked `v [T, B, K]`, after the loop and before any gradient."""
        self._rows = rows


def recording(
    step: Callable[..., Any], kernels: dict[str, DeferredKernel]
) -> Callable[[Any, Any], Any]:
    """`step` with its affines bound, handing out what they recorded."""

    def recorded(state: Any, row: Any) -> Any:
        affines = {name: kernel.affine for name, kernel in kernels.items()}
        state, outputs = step(state, row, affines)
        taken = {name: kernel.take_recorded() for name, kernel in kernels.items()}
        return state, {"outputs": outputs, "recorded": taken}

    return recorded
