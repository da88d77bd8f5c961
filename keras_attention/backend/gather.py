"""Rows of a table by their places, in as few nodes of a graph as there can be.

`keras.ops.take_along_axis` also broadcasts and counts from the end: some fifty nodes on
TensorFlow, all of which a server optimises before its first answer.
"""

import math
from typing import Any

import keras
from keras import ops

from keras_attention.layer_support.types import Tensor


def gather(x: Tensor, index: Tensor, batch_axes: int = 0) -> Any:
    """`x[b, index[b, k]]` for every b: the leading axes are those of both.

    Args:
        x: `[*b, N, ...]`.
        index: `[*b, ...]` int32, from 0 to N - 1.
        batch_axes: How many axes b stands for.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(x, index, batch_dims=batch_axes)
    leading, (size, *rest) = ops.shape(x)[:batch_axes], ops.shape(x)[batch_axes:]
    rows = math.prod(leading)
    shape = (*ops.shape(index), *rest)
    first = ops.expand_dims(ops.arange(rows, dtype="int32") * size, -1)  # [b, 1]
    index = ops.reshape(index, (rows, math.prod(ops.shape(index)[batch_axes:])))
    # One axis of indices: JAX takes no other from what has no rows.
    index = ops.reshape(first + index, (-1,))
    return ops.reshape(ops.take(ops.reshape(x, (rows * size, *rest)), index, 0), shape)
