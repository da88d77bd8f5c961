"""Additive energies, the plain form and the one that large sizes need."""

import contextlib
import contextvars
import importlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.types import Tensor

_backend: Any = None  # None where no gradient is ever asked for, as on NumPy.
if keras.backend.backend() in ("tensorflow", "jax", "torch"):
    _backend = importlib.import_module(
        f"keras_attention.backend.additive.on_{keras.backend.backend()}"
    )

_few_queries = contextvars.ContextVar("few_queries", default=False)


@contextlib.contextmanager
def few_queries() -> Iterator[None]:
    """Says that queries are few, where a graph does not know their number.

    The hypotheses of a beam are: what saves memory for many costs them time.
    """
    token = _few_queries.set(True)
    try:
        yield
    finally:
        _few_queries.reset(token)


def additive_energies(query: Tensor, keys: Tensor, v: Tensor, num_heads: int) -> Tensor:
    """`v . tanh(query + key)` of every pair, head after head.

    Computed in at least float32. Nothing of the size of all pairs times U is stored,
    neither in the forward nor in the backward pass.

    Args:
        query: `[B, T, U]`.
        keys: `[B, S, U]`.
        v: `[U]`; head h has slice h of it.
        num_heads: H.

    Returns:
        `[B, H, T, S]` in the dtype of the query.
    """
    dtype = query.dtype
    query, keys, v = (ops.cast(x, at_least_float32(dtype)) for x in (query, keys, v))
    if _backend is None or query.shape[1] == 1 or _few_queries.get():
        return ops.cast(tanh_energies(query, keys, v, num_heads), dtype)
    query, keys = _heads_first(query, num_heads), _heads_first(keys, num_heads)
    v = ops.reshape(v, (num_heads, -1))  # [H, U/H]
    energies = _backend.energies(query, keys, v)  # [H, B, T, S]
    return ops.cast(ops.swapaxes(energies, 0, 1), dtype)


def tanh_energies(query: Tensor, keys: Tensor, v: Tensor, num_heads: int) -> Tensor:
    """`additive_energies` as the equation stands, in the dtype of the query.

    The fastest for a few queries, whose pairs are not many more than the keys.
    """
    batch, targets, units = ops.shape(query)
    sources = ops.shape(keys)[1]
    pairs = ops.expand_dims(query, 2) + ops.expand_dims(keys, 1)  # [B, T, S, U]
    hidden = ops.tanh(pairs)
    # As one flat matrix product: a sum over the last axis is far slower.
    v = _by_head(ops.cast(v, hidden.dtype), num_heads)  # [U, H]
    energies = ops.matmul(ops.reshape(hidden, (-1, units)), v)  # [B*T*S, H]
    if num_heads == 1:
        return ops.reshape(energies, (batch, 1, targets, sources))  # [B, 1, T, S]
    shape = (batch, targets, sources, num_heads)
    return ops.transpose(ops.reshape(energies, shape), (0, 3, 1, 2))  # [B, H, T, S]


def _by_head(v: Tensor, num_heads: int) -> Tensor:
    """`v [U]` as a block matrix `[U, H]`."""
    if num_heads == 1:
        return ops.expand_dims(v, -1)  # [U, 1]
    per_head = v.shape[0] // num_heads
    blocks = ops.repeat(ops.eye(num_heads, dtype=v.dtype), per_head, axis=0)
    return ops.expand_dims(v, -1) * blocks  # [U, H]


def _heads_first(x: Tensor, num_heads: int) -> Tensor:
    """`[B, T, U]` as `[H, B, T, U/H]`."""
    batch, length, units = ops.shape(x)
    if num_heads == 1:
        return ops.expand_dims(x, 0)  # [1, B, T, U]
    x = ops.reshape(x, (batch, length, num_heads, units // num_heads))
    return ops.transpose(x, (2, 0, 1, 3))  # [H, B, T, U/H]
