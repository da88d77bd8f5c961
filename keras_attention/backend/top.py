"""The largest numbers of each row, where they are, and log(sum(exp)) of it."""

from typing import Any

import keras
from keras import ops

from keras_attention.backend.loop import dynamic_shapes
from keras_attention.backend.sizes import size
from keras_attention.layer_support.types import Size, Tensor

_MOST_ROUNDS = 32  # Each is some more operations for a compiler.


def top(x: Tensor, count: Size) -> tuple[Any, Any]:
    """The largest `count` of `[B, N]` and their places (int32), the lower place first.

    XLA's own sorts every row and takes a hundred times as long on a processor.

    Args:
        x: No row may have fewer than `count`.
        count: An int under XLA and in `jax.jit`.
    """
    if dynamic_shapes() or count > _MOST_ROUNDS:
        values, places = ops.top_k(x, count)
        return values, ops.cast(places, "int32")
    lowest = ops.cast(-float("inf"), x.dtype)
    number = ops.arange(size(x, 1), dtype="int32")  # [N]
    taken = ops.zeros_like(x, dtype="bool")
    values, places = [], []
    for _ in range(count):
        left = ops.where(taken, lowest, x)
        value = ops.max(left, axis=1, keepdims=True, initial=lowest)  # [B, 1]
        # Of what is taken the value may be equal, if nothing but -inf is left.
        first = ops.where(~taken & ~(left < value), number, size(x, 1) - 1)
        place = ops.min(first, axis=1, keepdims=True, initial=2**31 - 1)  # [B, 1]
        taken = taken | ops.equal(number, place)
        values.append(value)
        places.append(place)
    return ops.concatenate(values, axis=1), ops.concatenate(places, axis=1)


def argmax(x: Tensor) -> Any:
    """Where the largest of `x [..., V]` is, `[...]` int32.

    `keras.ops.argmax` tells -0 from 0, which takes eight more passes over `x` on
    TensorFlow.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.argmax(x, axis=-1, output_type=tf.int32)
    return ops.cast(ops.argmax(x, axis=-1), "int32")


def log_sum_exp(x: Tensor) -> Any:
    """`log(sum(exp(x)))` over the last axis, the axis removed.

    In a graph of TensorFlow one fused softmax is faster than exponentials that are
    written and read again: its largest is exp(max(x)) over the sum.
    """
    if keras.backend.backend() != "tensorflow" or not dynamic_shapes():
        return ops.logsumexp(x, axis=-1)
    largest = ops.max(ops.softmax(x, axis=-1), axis=-1, initial=0.0)
    return ops.max(x, axis=-1, initial=-float("inf")) - ops.log(largest)
