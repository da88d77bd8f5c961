"""JAX's loops over time."""

from typing import Any

import jax
import jax.numpy as jnp

from keras_attention.backend.loop import eager
from keras_attention.backend.loop.eager import Proceed, Step
from keras_attention.layer_support.types import Nested, Size, Tensor

compiled = eager.compiled
in_dynamic_graph = eager.in_dynamic_graph


def scan(step: Step, state: Nested, inputs: Nested, defer: bool) -> Any:
    return jax.lax.scan(step, state, inputs)


def unfold(
    step: Step, state: Nested, proceed: Proceed, max_steps: Size, rows: Size
) -> Any:
    zero = jnp.zeros((), "int32")
    _, specs = jax.eval_shape(step, zero, state)
    buffers = jax.tree.map(
        lambda spec: jnp.zeros((rows, *spec.shape), spec.dtype), specs
    )

    def again(carried: tuple[Any, ...]) -> Any:
        t, state, _ = carried
        return jnp.logical_or(t < 1, jnp.logical_and(t < max_steps, proceed(state)))

    def body(carried: tuple[Any, ...]) -> Any:
        t, state, buffers = carried
        state, outputs = step(t, state)
        buffers = jax.tree.map(
            lambda buffer, row: jax.lax.dynamic_update_index_in_dim(buffer, row, t, 0),
            buffers,
            outputs,
        )
        return t + 1, state, buffers

    steps, state, buffers = jax.lax.while_loop(again, body, (zero, state, buffers))
    if not is_compiled_later(steps):
        buffers = jax.tree.map(lambda buffer: buffer[: int(steps)], buffers)
    return state, buffers, steps


def known_rows(max_steps: Size) -> Any:
    return None if is_compiled_later(max_steps) else int(max_steps)


def dynamic_shapes() -> bool:
    return False


def is_compiled_later(value: Tensor) -> bool:
    return isinstance(value, jax.core.Tracer)
