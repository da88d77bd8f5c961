"""Additive energies on TensorFlow; see `energies.py`."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_attention.backend.additive import tensorflow_graph, tensorflow_xla
from keras_attention.backend.additive.ratio import DIRECT, FACTORED, is_factorable
from keras_attention.backend.loop.on_tensorflow import dynamic_shapes
from keras_attention.layer_support.types import Tensor


def energies(query: Tensor, keys: Tensor, v: Tensor) -> Any:
    loops = tensorflow_graph if dynamic_shapes() else tensorflow_xla

    def either(loop: Callable[..., Any], factorable: Tensor, *inputs: Tensor) -> Any:
        return tf.cond(
            factorable, lambda: loop(FACTORED, *inputs), lambda: loop(DIRECT, *inputs)
        )

    @tf.custom_gradient
    def compute(query: Tensor, keys: Tensor, v: Tensor) -> Any:
        factorable = is_factorable(query, keys)

        @tf.custom_gradient
        def slopes(*inputs: Tensor) -> Any:
            found = either(loops.backward, factorable, *inputs)
            return found, lambda *upstream: _second_slopes(inputs, upstream)

        found = either(loops.forward, factorable, query, keys, v)
        return found, lambda upstream: slopes(query, keys, v, upstream)

    return compute(query, keys, v)


def _second_slopes(inputs: tuple[Tensor, ...], upstream: tuple[Tensor, ...]) -> Any:
    """Gradients of the gradients, by the equation: XLA cannot differentiate loops."""
    *known, first_upstream = inputs
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(known)
            query, keys, v = known
            hidden = tf.tanh(query[:, :, :, None] + keys[:, :, None])
            energies = tf.einsum("hbtsd,hd->hbts", hidden, v)
        first = inner.gradient(energies, known, first_upstream)
    return outer.gradient(first, inputs, upstream)
