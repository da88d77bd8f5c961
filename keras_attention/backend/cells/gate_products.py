"""Products of a cell's kernel, gate by gate."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_attention.backend.deferred.products import step_product
from keras_attention.backend.deferred.step_functions import deferring
from keras_attention.backend.loop import in_dynamic_graph
from keras_attention.layer_support.types import Tensor

# Where its operands fit into a second level cache of 1 MiB, TensorFlow computes a
# product on one thread: several then run at once, and none waits for another thread.
# Weights that fill such a cache alone are read faster by one product of all gates.
_WEIGHTS_IN_CACHE = 2**17


def add_bias(x: Tensor, bias: Tensor) -> Any:
    """`x [..., N] + bias [N]`."""
    if keras.backend.backend() == "tensorflow":
        # Its gradient is a tenth of the time of a sum's.
        import tensorflow as tf

        return tf.nn.bias_add(x, bias)
    return x + bias


def gate_products(kernel: Tensor, gates: int) -> Callable[[Any, Tensor], list[Any]]:
    """How to get `x + v @ kernel`, cut into gates `[B, U]`.

    Args:
        kernel: `[K, gates * U]`.
        gates: Their number.

    Returns:
        A function of x `[B, gates * U]` or None, and v `[B, K]`.
    """
    weights = kernel.shape[0] * kernel.shape[1] // gates

    def whole(x: Any, v: Tensor) -> Any:
        product = step_product(v, kernel)
        return ops.split(product if x is None else x + product, gates, axis=-1)

    if not in_dynamic_graph() or weights > _WEIGHTS_IN_CACHE:
        return whole
    kernels = ops.split(kernel, gates, axis=-1)  # each [K, U]

    def apart(x: Any, v: Tensor) -> Any:
        if deferring():  # One gradient, which another product would cut.
            return whole(x, v)
        products = [ops.matmul(v, of_gate) for of_gate in kernels]
        if x is None:
            return products
        return [a + b for a, b in zip(ops.split(x, gates, -1), products, strict=True)]

    return apart
