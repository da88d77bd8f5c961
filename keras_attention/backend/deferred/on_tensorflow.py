"""Recorder of TensorFlow's loops, in graphs and under XLA; see `step_functions.py`."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from keras_attention.backend.deferred.step_functions import (
    Constant,
    StepFunction,
    plain,
    recorder,
)
from keras_attention.layer_support.types import Tensor


class _Call(NamedTuple):
    """A call in every step.

    Attributes:
        function: What is called.
        constants: Tensors of the graph around the loop.
        shape: Of what it returns.
        gradients: A list of tensors as TensorFlow's loops have them. Nothing reads it:
            its own gradient is the list of all steps' upstream gradients.
    """

    function: StepFunction
    constants: list[Tensor]
    shape: Tensor
    gradients: Any


class TensorFlowRecorder:
    """What one loop defers: calls are found in a first trace, recorded in the second.

    Args:
        steps: T.
        batch: B.
    """

    def __init__(self, steps: Tensor, batch: Tensor) -> None:
        self.steps, self.batch = steps, batch
        self._found: list[tuple[StepFunction, tuple[Constant, ...], Any]] = []
        self._calls: list[_Call] = []
        self._rows: list[Tensor] = []

    @contextlib.contextmanager
    def tracing(self, t: Tensor = None) -> Iterator[list[Tensor]]:
        """A trace of the step: the first, or with `t` the one that is the loop's body.

        Returns:
            What varies in each call, for the loop to hand out.
        """
        self._t = t
        self._recorded: list[Tensor] = []
        self._inside = tf.compat.v1.get_default_graph()
        token = recorder.set(self)
        try:
            yield self._recorded
        finally:
            recorder.reset(token)

    def prepare(self) -> None:
        """Compute what is fixed of the calls found, between the traces."""
        self._calls = [
            self._call(number, *found) for number, found in enumerate(self._found)
        ]

    def finish(self, rows: list[Tensor]) -> None:
        """Give what was recorded, `[T, ...]` each, after the loop."""
        self._rows = rows

    def compute(
        self, function: StepFunction, varying: Tensor, constants: tuple[Constant, ...]
    ) -> Any:
        inner = [getattr(c, "graph", None) is self._inside for c in constants]
        # Nothing can be handed out of a branch or a loop inside of the step.
        if tf.compat.v1.get_default_graph() is not self._inside or any(inner):
            return plain(function, varying, constants)
        self._recorded.append(tf.stop_gradient(varying))
        if self._t is None:
            y = plain(function, varying, constants)
            self._found.append((function, constants, y.dtype))
            return y
        call = self._calls[len(self._recorded) - 1]
        fixed = [tf.stop_gradient(c) for c in call.constants]

        @tf.custom_gradient
        def compute(varying: Tensor, gradients: Any) -> Any:
            def gradient(dy: Tensor) -> Any:
                written = tf.raw_ops.TensorListSetItem(
                    input_handle=self._list(call.shape, dy.dtype),
                    index=self._t,
                    item=dy,
                )
                return function.back(dy, *fixed), written

            return function.step(varying, *fixed), gradient

        return compute(varying, call.gradients)

    def _call(
        self,
        number: int,
        function: StepFunction,
        constants: tuple[Constant, ...],
        dtype: Any,
    ) -> _Call:
        fixed = [tf.convert_to_tensor(c() if callable(c) else c) for c in constants]
        shape = tf.stack([self.batch, *function.shape(*fixed)])

        @tf.custom_gradient
        def attached(*fixed: Tensor) -> Any:
            def gradient(written: Any) -> Any:
                upstream = tf.raw_ops.TensorListStack(
                    input_handle=written, element_shape=shape, element_dtype=dtype
                )
                with tf.GradientTape() as tape:
                    tape.watch(fixed)
                    y = function.all_steps(self._rows[number], *fixed)
                return tape.gradient(y, fixed, upstream)

            return self._list(shape, dtype), gradient

        return _Call(function, fixed, shape, attached(*fixed))

    def _list(self, shape: Tensor, dtype: Any) -> Any:
        return tf.raw_ops.TensorListReserve(
            element_shape=shape, num_elements=self.steps, element_dtype=dtype
        )
