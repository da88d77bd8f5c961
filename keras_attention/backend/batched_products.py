"""Products of many small matrices."""

from typing import Any

import keras
from keras import ops

from keras_attention.layer_support.types import Tensor


def few_rows_matmul(x: Tensor, y: Tensor, turned: bool = False) -> Any:
    """`x @ y` of `[..., T, S]` and `[..., S, D]`, fast where T is 1.

    `turned` takes y as `[..., D, S]`.

    On TensorFlow `matmul` hands such a product to oneDNN, which wakes all threads for
    it whatever its size: ten times as long as the product itself for a single query.
    """
    few = x.shape[-2] == 1 and x.dtype == y.dtype
    if keras.backend.backend() == "tensorflow" and few:
        import tensorflow as tf

        if x.dtype in (tf.float32, tf.float64):
            return tf.raw_ops.BatchMatMulV3(x=x, y=y, Tout=x.dtype, adj_y=turned)
    return ops.matmul(x, ops.swapaxes(y, -1, -2) if turned else y)
