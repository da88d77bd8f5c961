"""Loops over time: `scan` and `unfold`, under graph, XLA, JAX and torch.

`keras.ops.scan` cannot serve: on TensorFlow its outputs must be shaped like its
carry and its loop has no bound, so it does not train under XLA. Each backend's own
loop is in a file of its own, with the same functions as the others.

| file | what |
|---|---|
| `on_tensorflow.py` | in graphs and under XLA |
| `on_jax.py` | on JAX |
| `eager.py` | on torch, and on TensorFlow outside graphs |
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_attention.backend.loop.eager import Proceed, Stage, Step
from keras_attention.layer_support.types import Nested, Size, Tensor

if keras.backend.backend() == "tensorflow":
    from keras_attention.backend.loop import on_tensorflow as _loops
elif keras.backend.backend() == "jax":
    from keras_attention.backend.loop import on_jax as _loops  # type: ignore[no-redef]
else:
    from keras_attention.backend.loop import eager as _loops  # type: ignore[no-redef]


def scan(
    step: Step, state: Nested, inputs: Nested, defer: bool = False
) -> tuple[Any, Any]:
    """Carry `state` through `step` for every row of `inputs`, in order.

    Args:
        step: `state, outputs = step(state, inputs_t)`; all three structures of
            tensors, `state` of the same shapes and dtypes throughout.
        state: Structure of tensors, the state before the first row.
        inputs: Structure of time-major tensors `[T, B, ...]`, T >= 1.
        defer: Whether gradients will be asked for, so that those which can wait until
            after the loop should (`deferred/`): in training.

    Returns:
        The state after the last row and the outputs, time-major `[T, ...]`.
        Gradients flow through both.
    """
    return _loops.scan(step, state, inputs, defer)


def unfold(
    step: Step,
    state: Nested,
    proceed: Proceed,
    max_steps: Size,
    rows: Size | None = None,
) -> tuple[Any, Any, Any]:
    """Run `step` until `proceed(state)` is False, at least once.

    Args:
        step: `state, outputs = step(t, state)` with `t` an int32 scalar.
        state: Structure of tensors, the state before the first step.
        proceed: Boolean scalar: whether another step is needed.
        max_steps: Bound on the number of steps, at least 1; a number or a scalar.
        rows: What `room` says of it, at least `max_steps`; None asks `room` itself.

    Returns:
        The last state, the outputs (time-major) and the number of steps run.
        The outputs have as many rows as steps were run; where shapes come before
        values (XLA, `jax.jit`) they have `rows`, of which those past the steps are
        zeros. No gradient flows.
    """
    rows = room(max_steps) if rows is None else rows
    return _loops.unfold(step, state, proceed, max_steps, rows)


def stages(stage: Stage, state: Nested, proceed: Proceed) -> tuple[Any, Any]:
    """Run `stage` until `proceed(state)` is False, at least once.

    The state's tensors may have another number of rows after each stage, which only
    `in_dynamic_graph` allows.

    Args:
        stage: `state, outputs = stage(state)`, the outputs `[T, ...]` with a T of its
            own in each stage.
        state: Structure of tensors, the state before the first stage.
        proceed: Boolean scalar: whether another stage is needed.

    Returns:
        The last state, and the outputs of all stages one after the other.
    """
    return _loops.stages(stage, state, proceed)


def in_dynamic_graph() -> bool:
    """Whether a graph of TensorFlow is traced that XLA will not compile.

    Its shapes may change from step to step, and what does not wait for each other runs
    at once.
    """
    return _loops.in_dynamic_graph()


def room(max_steps: Size, capacity: Size | None = None) -> Any:
    """How many rows to make room for in a loop of at most `max_steps` steps.

    Args:
        max_steps: A number or a scalar.
        capacity: Not less than `max_steps`, and known when a graph is compiled.

    Returns:
        `max_steps`, or `capacity` where shapes come before values: under XLA and
        inside `jax.jit`.

    Raises:
        ValueError: There the capacity is None.
    """
    known = _loops.known_rows(max_steps)
    if known is not None:
        return known
    if capacity is None:
        raise ValueError(
            "XLA and jax.jit must know the most steps when they compile: expected "
            "`max_length` as a number outside the graph, or `max_length_ratio` with "
            "the mask of the source. Received: neither"
        )
    return capacity


def dynamic_shapes() -> bool:
    """Whether shapes may depend on the values of a graph's tensors."""
    return _loops.dynamic_shapes()


def is_compiled_later(value: Tensor) -> bool:
    """Whether shapes come before values where `value` is: no shape can follow it."""
    return _loops.is_compiled_later(value)


def compiled(
    function: Callable[..., Any], signature: tuple[tuple[Any, str], ...]
) -> Callable[..., Any]:
    """`function` as one graph where the backend's eager loop would be slow.

    Only TensorFlow needs it: JAX compiles the loop itself, torch is eager. In a graph
    that is being traced the function is called as it is and becomes a part of that
    graph, whose shapes and kernels are then its own.

    Args:
        function: Takes tensors, one for each entry of `signature`.
        signature: Shapes (None where dynamic) and dtypes.
    """
    return _loops.compiled(function, signature)


def swap_time(x: Tensor) -> Any:
    """`[B, T, ...]` to `[T, B, ...]` and back: a loop's rows stand first."""
    return ops.swapaxes(x, 0, 1)  # [T, B, ...]
