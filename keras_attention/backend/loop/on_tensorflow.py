"""TensorFlow's loops over time, in graphs and under XLA."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import tree

from keras_attention.backend.deferred.on_tensorflow import TensorFlowRecorder
from keras_attention.backend.loop import eager
from keras_attention.backend.loop.eager import Proceed, Stage, Step
from keras_attention.layer_support.types import Nested, Size, Tensor

FlatStep = Callable[[Any, list[Any]], tuple[list[Any], Any]]


def scan(step: Step, state: Nested, inputs: Nested, defer: bool) -> Any:
    inputs = tree.map_structure(tf.convert_to_tensor, inputs)
    state = tree.map_structure(tf.convert_to_tensor, state)
    if tf.executing_eagerly():
        return eager.scan(step, state, inputs, defer)
    rows, carried = tree.flatten(inputs), tree.flatten(state)
    length = tf.shape(rows[0])[0]
    recorder = TensorFlowRecorder(length, tf.shape(rows[0])[1])

    def recording(state: Nested, row: Nested, t: Tensor = None) -> Any:
        if not defer:
            return step(state, row)
        with recorder.tracing(t) as recorded:
            state, outputs = step(state, row)
        return state, (outputs, recorded)

    first = [tf.TensorSpec(x.shape[1:], x.dtype) for x in rows]
    # Thrown away: gradients of a call inside a loop would run all of it again.
    specs = _traced(
        _flat_step(recording, state), tree.pack_sequence_as(inputs, first), carried
    ).structured_outputs[1]
    recorder.prepare()
    # Reading rows from arrays, not by slicing: the gradient of a slice is as
    # large as the whole sequence, at every step.
    sources = [
        tf.TensorArray(x.dtype, size=length, element_shape=x.shape[1:]).unstack(x)
        for x in rows
    ]

    def body(t: Tensor, flat: list[Any]) -> Any:
        row = tree.pack_sequence_as(inputs, [source.read(t) for source in sources])
        return _flat_step(lambda state, row: recording(state, row, t), state)(row, flat)

    _, carried, arrays = _while(
        lambda t, _: t < length,
        body,
        carried,
        specs,
        length,
        maximum_iterations=length,
    )
    stacked = []
    for array in arrays:
        output = array.stack()
        output.set_shape([rows[0].shape[0], *output.shape[1:]])
        stacked.append(output)
    outputs = tree.pack_sequence_as(specs, stacked)
    if defer:
        outputs, recorded = outputs
        recorder.finish(recorded)
    return tree.pack_sequence_as(state, carried), outputs


def unfold(
    step: Step, state: Nested, proceed: Proceed, max_steps: Size, rows: Size
) -> Any:
    state = tree.map_structure(tf.convert_to_tensor, state)
    if tf.executing_eagerly():
        return eager.unfold(step, state, proceed, max_steps, rows)
    carried = tree.flatten(state)
    traced = _traced(
        _flat_step(lambda state, t: step(t, state), state),
        tf.TensorSpec([], tf.int32),
        carried,
    )
    specs = traced.structured_outputs[1]
    max_steps = tf.convert_to_tensor(max_steps, tf.int32)

    def again(t: Tensor, flat: list[Any]) -> Any:
        more = proceed(tree.pack_sequence_as(state, flat))
        return tf.logical_or(t < 1, tf.logical_and(t < max_steps, more))

    steps, carried, arrays = _while(
        again, traced, carried, specs, rows, parallel_iterations=1
    )
    if _under_xla():
        outputs = [array.stack() for array in arrays]
    else:
        outputs = [array.gather(tf.range(steps)) for array in arrays]
    return (
        tree.pack_sequence_as(state, carried),
        tree.pack_sequence_as(specs, outputs),
        steps,
    )


def in_dynamic_graph() -> bool:
    return not tf.executing_eagerly() and not _under_xla()


def stages(stage: Stage, state: Nested, proceed: Proceed) -> Any:
    state = tree.map_structure(tf.convert_to_tensor, state)
    carried = tree.flatten(state)
    # Of any number of rows.
    specs = [
        tf.TensorSpec([None, *x.shape[1:]][: x.shape.rank], x.dtype) for x in carried
    ]

    def flat_stage(flat: list[Any]) -> tuple[list[Any], Any]:
        new, outputs = stage(tree.pack_sequence_as(state, flat))
        tree.assert_same_structure(new, state)
        return tree.flatten(new), outputs

    traced = tf.function(flat_stage, autograph=False).get_concrete_function(specs)
    outputs = traced.structured_outputs[1]
    arrays = [
        tf.TensorArray(
            spec.dtype,
            size=0,
            dynamic_size=True,
            infer_shape=False,
            element_shape=[None, *spec.shape[1:]],
        )
        for spec in tree.flatten(outputs)
    ]

    def again(number: Tensor, flat: list[Any], arrays: list[Any]) -> Any:
        return tf.logical_or(number < 1, proceed(tree.pack_sequence_as(state, flat)))

    def body(number: Tensor, flat: list[Any], arrays: list[Any]) -> Any:
        flat, outputs = traced(flat)
        written = [
            array.write(number, value)
            for array, value in zip(arrays, tree.flatten(outputs), strict=True)
        ]
        return number + 1, flat, written

    _, carried, arrays = tf.while_loop(
        again,
        body,
        (tf.constant(0), carried, arrays),
        shape_invariants=(
            tf.TensorShape([]),
            [spec.shape for spec in specs],
            [tf.TensorShape(None) for _ in arrays],
        ),
        parallel_iterations=1,
    )
    return (
        tree.pack_sequence_as(state, carried),
        tree.pack_sequence_as(outputs, [array.concat() for array in arrays]),
    )


def _while(
    again: Callable[..., Any],
    flat_step: Callable[..., Any],
    carried: list[Any],
    specs: Nested,
    size: Size,
    **loop: Any,
) -> Any:
    """Steps taken, the last state, and arrays with a row of outputs for each step."""
    arrays = [
        tf.TensorArray(spec.dtype, size=size, element_shape=spec.shape)
        for spec in tree.flatten(specs)
    ]

    def body(t: Tensor, flat: list[Any], arrays: list[Any]) -> Any:
        flat, outputs = flat_step(t, flat)
        written = [
            array.write(t, value)
            for array, value in zip(arrays, tree.flatten(outputs), strict=True)
        ]
        return t + 1, flat, written

    return tf.while_loop(
        lambda t, flat, arrays: again(t, flat),
        body,
        (tf.constant(0), carried, arrays),
        shape_invariants=(
            tf.TensorShape([]),
            [x.shape for x in carried],
            [tf.TensorShape(None) for _ in arrays],
        ),
        **loop,
    )


def _flat_step(step: Callable[..., Any], state: Nested) -> FlatStep:
    """`step` on a flat list of state tensors, with their static shapes kept."""
    shapes = [x.shape for x in tree.flatten(state)]

    def flat_step(x: Nested, flat: list[Any]) -> tuple[list[Any], Any]:
        new, outputs = step(tree.pack_sequence_as(state, flat), x)
        tree.assert_same_structure(new, state)
        new_flat = tree.flatten(new)
        for tensor, shape in zip(new_flat, shapes, strict=True):
            tensor.set_shape(shape)
        return new_flat, outputs

    return flat_step


def _traced(flat_step: FlatStep, x: Nested, carried: list[Any]) -> Any:
    """A step as a function of the graph, whose outputs say dtypes and shapes."""

    def spec(value: Tensor) -> tf.TensorSpec:
        return tf.TensorSpec(value.shape, value.dtype)

    return tf.function(flat_step, autograph=False).get_concrete_function(
        tree.map_structure(spec, x), [spec(value) for value in carried]
    )


def known_rows(max_steps: Size) -> Any:
    known = not _under_xla() or tf.get_static_value(max_steps) is not None
    return max_steps if known else None


def dynamic_shapes() -> bool:
    return not _under_xla()


def is_compiled_later(value: Tensor) -> bool:
    return _under_xla()


def compiled(
    function: Callable[..., Any], signature: tuple[tuple[Any, str], ...]
) -> Callable[..., Any]:
    """A graph, made when it is first called outside of another one."""
    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in signature]
    graph = tf.function(function, input_signature=specs, autograph=False)

    def call(*arguments: Tensor) -> Any:
        return (function if tf.inside_function() else graph)(*arguments)

    return call


def _under_xla() -> bool:
    """Whether the graph that is being traced will be compiled by XLA."""
    try:
        from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext
    except ImportError:  # No part of the public interface.
        return False
    return not tf.executing_eagerly() and bool(
        GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    )
