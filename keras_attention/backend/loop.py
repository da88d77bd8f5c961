"""The one loop over time that works under graph, XLA, JAX and torch.

`keras.ops.scan` cannot serve: on TensorFlow its outputs must be shaped like its
carry and its loop has no bound, so it does not train under XLA. Each backend's
own loop does what is needed; this is the place that knows them.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops, tree

Step = Callable[[Any, Any], tuple[Any, Any]]


def scan(
    step: Callable[..., Any],
    state: Any,
    inputs: Any,
    kernels: dict[str, Any] | None = None,
) -> tuple[Any, Any]:
    """Carry `state` through `step` for every row of `inputs`, in order.

    Args:
        step: `state, outputs = step(state, inputs_t)`; all three structures of
            tensors, `state` of the same shapes and dtypes throughout.
        state: Structure of tensors, the state before the first row.
        inputs: Structure of time-major tensors `[T, B, ...]`, T >= 1.
        kernels: For training: matrices `[K, N]` by the name of the entry of
            `inputs` (then a dict) that their product is added to. The step is
            called with a third argument, `affines`, and must compute
            `affines[name](row[name], v)`, which is `row[name] + v @ kernel`,
            exactly once for each; on TensorFlow their gradients are then one
            product after the loop (`kernels/deferred_tensorflow.py`).

    Returns:
        The state after the last row and the outputs, time-major `[T, ...]`.
        Gradients flow through both.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        if kernels:
            return _scan_deferred(step, state, inputs, kernels)
        return _scan_tensorflow(step, state, inputs)
    if kernels:
        step = functools.partial(step, affines=_plain_affines(kernels))
    if backend == "jax":
        import jax

        return jax.lax.scan(step, state, inputs)
    length = tree.flatten(inputs)[0].shape[0]
    collected = []
    for t in range(length):
        state, outputs = step(state, tree.map_structure(lambda x, t=t: x[t], inputs))
        collected.append(outputs)
    return state, tree.map_structure(lambda *rows: ops.stack(rows), *collected)


def unfold(
    step: Callable[[Any, Any], tuple[Any, Any]],
    state: Any,
    proceed: Callable[[Any], Any],
    max_steps: Any,
    rows: Any = None,
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
    backend = keras.backend.backend()
    rows = room(max_steps) if rows is None else rows
    if backend == "tensorflow":
        return _unfold_tensorflow(step, state, proceed, max_steps, rows)
    if backend == "jax":
        return _unfold_jax(step, state, proceed, max_steps, rows)
    collected = []
    for t in range(int(max_steps)):
        state, outputs = step(ops.convert_to_tensor(t, dtype="int32"), state)
        collected.append(outputs)
        if not bool(proceed(state)):
            break
    outputs = tree.map_structure(lambda *rows: ops.stack(rows), *collected)
    return state, outputs, ops.convert_to_tensor(len(collected), dtype="int32")


def room(max_steps: Any, capacity: Any = None) -> Any:
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
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        known = not _under_xla() or tf.get_static_value(max_steps) is not None
    elif backend == "jax":
        import jax

        known = not isinstance(max_steps, jax.core.Tracer)
    else:
        known = True
    if known:
        return max_steps if backend == "tensorflow" else int(max_steps)
    if capacity is None:
        raise ValueError(
            "XLA and jax.jit must know the most steps when they compile: expected "
            "`max_length` as a number outside the graph, or `max_length_ratio` with "
            "the mask of the source. Received: neither"
        )
    return capacity


def dynamic_shapes() -> bool:
    """Whether shapes may depend on the values of a graph's tensors."""
    backend = keras.backend.backend()
    return backend == "torch" or (backend == "tensorflow" and not _under_xla())


def is_compiled_later(value: Any) -> bool:
    """Whether shapes come before values where `value` is: no shape can follow it."""
    if keras.backend.backend() == "jax":
        import jax

        return isinstance(value, jax.core.Tracer)
    return not dynamic_shapes()


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
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        specs = [tf.TensorSpec(shape, dtype) for shape, dtype in signature]
        graph = tf.function(function, input_signature=specs, autograph=False)

        def call(*arguments: Any) -> Any:
            return (function if tf.inside_function() else graph)(*arguments)

        return call
    return function


def _under_xla() -> bool:
    """Whether the graph that is being traced will be compiled by XLA."""
    import tensorflow as tf

    try:
        from tensorflow.python.ops.control_flow_util import (
            GraphOrParentsInXlaContext,
        )
    except ImportError:  # No part of the public interface.
        return False
    return not tf.executing_eagerly() and bool(
        GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    )


def _flat_step(step: Step, state: Any) -> Callable[[Any, list[Any]], Any]:
    """`step` on a flat list of state tensors, with their static shapes kept."""
    shapes = [x.shape for x in tree.flatten(state)]

    def flat_step(x: Any, flat: list[Any]) -> tuple[list[Any], Any]:
        new, outputs = step(tree.pack_sequence_as(state, flat), x)
        tree.assert_same_structure(new, state)
        new_flat = tree.flatten(new)
        for tensor, shape in zip(new_flat, shapes, strict=True):
            tensor.set_shape(shape)
        return new_flat, outputs

    return flat_step


def _array_like(spec: Any, size: Any) -> Any:
    import tensorflow as tf

    return tf.TensorArray(spec.dtype, size=size, element_shape=spec.shape)


def _traced(flat_step: Any, x: Any, flat: list[Any]) -> Any:
    """A step as a function of the graph, whose outputs say dtypes and shapes."""
    import tensorflow as tf

    def spec(value: Any) -> Any:
        return tf.TensorSpec(value.shape, value.dtype)

    return tf.function(flat_step, autograph=False).get_concrete_function(
        tree.map_structure(spec, x), [spec(value) for value in flat]
    )


def _plain_affines(kernels: dict[str, Any]) -> dict[str, Callable[[Any, Any], Any]]:
    def affine(kernel: Any) -> Callable[[Any, Any], Any]:
        return lambda x, v: x + ops.matmul(v, kernel)

    return {name: affine(kernel) for name, kernel in kernels.items()}


def _scan_deferred(
    step: Callable[..., Any], state: Any, inputs: Any, kernels: dict[str, Any]
) -> tuple[Any, Any]:
    from keras_attention.backend.deferred_kernel_gradient import (
        DeferredKernel,
        recording,
    )

    deferred = {name: DeferredKernel(kernel) for name, kernel in kernels.items()}
    attached = {name: kernel.attach(inputs[name]) for name, kernel in deferred.items()}
    state, handed = _scan_tensorflow(
        recording(step, deferred), state, {**inputs, **attached}
    )
    for name, kernel in deferred.items():
        kernel.finish(handed["recorded"][name])
    return state, handed["outputs"]


def _scan_tensorflow(step: Step, state: Any, inputs: Any) -> tuple[Any, Any]:
    import tensorflow as tf

    flat_inputs = [tf.convert_to_tensor(x) for x in tree.flatten(inputs)]
    length = tf.shape(flat_inputs[0])[0]
    flat_state = [tf.convert_to_tensor(x) for x in tree.flatten(state)]
    state = tree.pack_sequence_as(state, flat_state)
    flat_step = _flat_step(step, state)

    if tf.executing_eagerly():
        rows = []
        for t in range(int(length)):
            x = tree.pack_sequence_as(inputs, [value[t] for value in flat_inputs])
            flat_state, outputs = flat_step(x, flat_state)
            rows.append(outputs)
        stacked = tree.map_structure(lambda *row: tf.stack(row), *rows)
        return tree.pack_sequence_as(state, flat_state), stacked

    first = tree.pack_sequence_as(
        inputs, [tf.TensorSpec(x.shape[1:], x.dtype) for x in flat_inputs]
    )
    # Thrown away: gradients of a call inside a loop would run all of it again.
    specs = _traced(flat_step, first, flat_state).structured_outputs[1]
    # Reading rows from arrays, not by slicing: the gradient of a slice is as
    # large as the whole sequence, at every step.
    sources = [
        tf.TensorArray(x.dtype, size=length, element_shape=x.shape[1:]).unstack(x)
        for x in flat_inputs
    ]
    targets = [_array_like(spec, length) for spec in tree.flatten(specs)]

    def body(t: Any, flat: list[Any], arrays: list[Any]) -> Any:
        x = tree.pack_sequence_as(inputs, [source.read(t) for source in sources])
        flat, outputs = flat_step(x, flat)
        written = [
            array.write(t, value)
            for array, value in zip(arrays, tree.flatten(outputs), strict=True)
        ]
        return t + 1, flat, written

    _, flat_state, targets = tf.while_loop(
        lambda t, *_: t < length,
        body,
        (tf.constant(0), flat_state, targets),
        shape_invariants=(
            tf.TensorShape([]),
            [x.shape for x in flat_state],
            [tf.TensorShape(None) for _ in targets],
        ),
        maximum_iterations=length,
    )
    static_length = flat_inputs[0].shape[0]
    stacked = []
    for array in targets:
        rows = array.stack()
        rows.set_shape([static_length, *rows.shape[1:]])
        stacked.append(rows)
    return (
        tree.pack_sequence_as(state, flat_state),
        tree.pack_sequence_as(specs, stacked),
    )


def _unfold_tensorflow(
    step: Any, state: Any, proceed: Any, max_steps: Any, room: Any
) -> Any:
    import tensorflow as tf

    flat_state = [tf.convert_to_tensor(x) for x in tree.flatten(state)]
    state = tree.pack_sequence_as(state, flat_state)
    flat_step = _flat_step(lambda carried, t: step(t, carried), state)

    if tf.executing_eagerly():
        rows = []
        for t in range(int(max_steps)):
            flat_state, outputs = flat_step(tf.constant(t), flat_state)
            rows.append(outputs)
            if not bool(proceed(tree.pack_sequence_as(state, flat_state))):
                break
        stacked = tree.map_structure(lambda *row: tf.stack(row), *rows)
        last = tree.pack_sequence_as(state, flat_state)
        return last, stacked, tf.constant(len(rows))

    traced = _traced(flat_step, tf.TensorSpec([], tf.int32), flat_state)
    specs = traced.structured_outputs[1]
    max_steps = tf.convert_to_tensor(max_steps, tf.int32)
    arrays = [_array_like(spec, room) for spec in tree.flatten(specs)]

    def again(t: Any, flat: list[Any], arrays: list[Any]) -> Any:
        more = proceed(tree.pack_sequence_as(state, flat))
        return tf.logical_or(t < 1, tf.logical_and(t < max_steps, more))

    def body(t: Any, flat: list[Any], arrays: list[Any]) -> Any:
        flat, outputs = traced(t, flat)
        written = [
            array.write(t, value)
            for array, value in zip(arrays, tree.flatten(outputs), strict=True)
        ]
        return t + 1, flat, written

    steps, flat_state, arrays = tf.while_loop(
        again,
        body,
        (tf.constant(0), flat_state, arrays),
        shape_invariants=(
            tf.TensorShape([]),
            [x.shape for x in flat_state],
            [tf.TensorShape(None) for _ in arrays],
        ),
        parallel_iterations=1,
    )
    if _under_xla():
        rows = [array.stack() for array in arrays]
    else:
        rows = [array.gather(tf.range(steps)) for array in arrays]
    return (
        tree.pack_sequence_as(state, flat_state),
        tree.pack_sequence_as(specs, rows),
        steps,
    )


def _unfold_jax(step: Any, state: Any, proceed: Any, max_steps: Any, room: int) -> Any:
    import jax
    import jax.numpy as jnp

    zero = jnp.zeros((), "int32")
    _, specs = jax.eval_shape(step, zero, state)
    buffers = jax.tree.map(
        lambda spec: jnp.zeros((room, *spec.shape), spec.dtype), specs
    )

    def again(carried: Any) -> Any:
        t, state, _ = carried
        return jnp.logical_or(t < 1, jnp.logical_and(t < max_steps, proceed(state)))

    def body(carried: Any) -> Any:
        t, state, buffers = carried
        state, outputs = step(t, state)
        buffers = jax.tree.map(
            lambda buffer, row: jax.lax.dynamic_update_index_in_dim(buffer, row, t, 0),
            buffers,
            outputs,
        )
        return t + 1, state, buffers

    steps, state, buffers = jax.lax.while_loop(again, body, (zero, state, buffers))
    if not isinstance(steps, jax.core.Tracer):
        buffers = jax.tree.map(lambda buffer: buffer[: int(steps)], buffers)
    return state, buffers, steps
