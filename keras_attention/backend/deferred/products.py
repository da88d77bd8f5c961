"""Products of a step with a matrix that all steps share."""

from typing import Any

import keras
from keras import ops

from keras_attention.backend.batched_products import few_rows_matmul
from keras_attention.backend.deferred.step_functions import (
    StepFunction,
    deferred,
    deferring,
)
from keras_attention.layer_support.types import Tensor


def step_product(v: Tensor, kernel: Tensor) -> Any:
    """`v [B, K] @ kernel [K, N]` in a step of a loop."""
    if not deferring():
        return ops.matmul(v, kernel)
    return deferred(_PRODUCT, v, kernel, lambda: _turned(kernel))


def dense_product(dense: keras.layers.Dense, x: Tensor) -> Any:
    """`dense(x [B, K])` of a layer without bias or activation, in a step of a loop."""
    plain = type(dense) is keras.layers.Dense and not dense.lora_enabled
    if not deferring() or not plain or dense.quantization_mode is not None:
        return dense(x)
    dtype = dense.compute_dtype
    return deferred(
        _PRODUCT,
        ops.cast(x, dtype),
        lambda: ops.cast(dense.kernel, dtype),
        lambda: _turned(ops.cast(dense.kernel, dtype)),
    )


def step_context(weights: Tensor, values: Tensor) -> Any:
    """`weights [B, H, T, S] @ values [B, H, S, D]`, in a step of a loop or not."""
    if weights.shape[2] != 1 or not deferring():
        return few_rows_matmul(weights, values)
    return deferred(_CONTEXT, weights, values)


def _all_contexts(rows: Tensor, values: Tensor) -> Any:
    weights = ops.transpose(ops.squeeze(rows, 3), (1, 2, 0, 3))  # [B, H, T, S]
    contexts = ops.matmul(weights, values)  # [B, H, T, D]
    return ops.expand_dims(ops.transpose(contexts, (2, 0, 1, 3)), 3)  # [T, B, H, 1, D]


_CONTEXT = StepFunction(
    step=few_rows_matmul,
    all_steps=_all_contexts,
    shape=lambda values: [values.shape[1], 1, values.shape[3]],
    back=lambda dy, values: few_rows_matmul(dy, values, turned=True),
)


def _turned(kernel: Tensor) -> Any:
    """Laid out before the loop: TensorFlow's products would at every step back."""
    return ops.transpose(ops.stop_gradient(kernel))  # [N, K]


def _all_products(rows: Tensor, kernel: Tensor, turned: Tensor) -> Any:
    steps, batch, depth = ops.shape(rows)
    flat = ops.matmul(ops.reshape(rows, (-1, depth)), kernel)  # [T*B, N]
    return ops.reshape(flat, (steps, batch, kernel.shape[1]))  # [T, B, N]


_PRODUCT = StepFunction(
    step=lambda v, kernel, turned: ops.matmul(v, kernel),
    all_steps=_all_products,
    shape=lambda kernel, turned: [kernel.shape[1]],
    back=lambda dy, kernel, turned: ops.matmul(dy, turned),
)
