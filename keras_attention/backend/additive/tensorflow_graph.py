"""Additive energies in a TensorFlow graph without XLA, and eagerly.

An operation is a pass over memory here: a chunk of queries is as large as stays in a
processor's cache, and there are as few passes as can be. In the forward pass they are a
sum, a division and the sum over D.
"""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

from keras_attention.backend.additive.ratio import Ratio
from keras_attention.layer_support.types import Size, Tensor

# Numbers in a chunk, if it is not a single query of every row, and in a chunk of
# chunks: an output is written by a copy of all beside it.
_CHUNK, _CHUNKS = 2**20, 2**25


def forward(ratio: Ratio, query: Tensor, keys: Tensor, v: Tensor) -> Any:
    heads, batch, targets, depth = ops.shape(query)
    sources = ops.shape(keys)[2]
    f = tf.reshape(ratio.of_key(keys), [heads * batch, sources, depth])
    scale = tf.repeat(v, batch, axis=0)[:, None]  # [H*B, 1, D]
    numerator = ratio.numerator(f, scale)

    def step(_: Any, e: Tensor) -> Any:
        terms = numerator / ratio.denominator(e[:, :, None], f)  # [c, H*B, S, D]
        return (), tf.reduce_sum(terms, -1)

    rows = (_rows(ratio.of_query(query)),)
    _, summed = _in_chunks(step, (), rows, f, [heads * batch, sources])
    summed = tf.transpose(summed, [1, 0, 2])  # [H*B, T, S]
    total = tf.reduce_sum(v, -1)[:, None, None, None]  # [H, 1, 1, 1]
    return total - 2 * tf.reshape(summed, [heads, batch, targets, sources])


def backward(
    ratio: Ratio, query: Tensor, keys: Tensor, v: Tensor, upstream: Tensor
) -> Any:
    heads, batch, _, depth = ops.shape(query)
    sources = ops.shape(keys)[2]
    f = tf.reshape(ratio.of_key(keys), [heads * batch, sources, depth])
    numerator = ratio.numerator(f, tf.ones([], f.dtype))

    def step(totals: Any, e: Tensor, g: Tensor) -> Any:
        to_keys, to_v = totals
        r = numerator / ratio.denominator(e[:, :, None], f)  # [c, H*B, S, D]
        # g * r * (1 - r) in one pass.
        to_pairs = tf.raw_ops.SigmoidGrad(
            y=r, dy=tf.broadcast_to(g[..., None], tf.shape(r))
        )
        to_keys = to_keys + tf.reduce_sum(to_pairs, 0)
        # Query by query: the sum of all of `g` would cancel with that of r.
        of_row = tf.reduce_sum(g, -1, keepdims=True)[..., None]  # [c, H*B, 1, 1]
        to_v = to_v + tf.reduce_sum(of_row - 2 * tf.matmul(g[:, :, None], r), 0)
        return (to_keys, to_v), tf.reduce_sum(to_pairs, 2)

    rows = _rows(ratio.of_query(query)), _rows(upstream)
    start = tf.zeros_like(f), tf.zeros([heads * batch, 1, depth], f.dtype)
    ends = _in_chunks(step, start, rows, f, [heads * batch, depth])
    (to_keys, to_v), to_query = ends
    to_query = tf.reshape(tf.transpose(to_query, [1, 0, 2]), tf.shape(query))
    to_v = tf.reduce_sum(tf.reshape(to_v, [heads, batch, depth]), 1)  # [H, D]
    scale = 4 * v[:, None, None]  # [H, 1, 1, D]
    return (
        scale * to_query,
        scale * tf.reshape(to_keys, tf.shape(keys)),
        to_v,
    )


def _rows(x: Tensor) -> Any:
    """`[H, B, T, N]` as rows for each query, `[T, H*B, N]`."""
    heads, batch, targets, last = ops.shape(x)
    return tf.transpose(tf.reshape(x, [heads * batch, targets, last]), [1, 0, 2])


def _in_chunks(
    step: Callable[..., Any],
    totals: Any,
    rows: tuple[Tensor, ...],
    f: Tensor,
    shape: list[Size],
    numbers: int = _CHUNKS,
) -> Any:
    """Chunks of rows carried through a step, as chunks of chunks.

    Args:
        step: `totals, output = step(totals, *chunks)`, output with the chunk's rows.
        totals: Tensors before the first chunk.
        rows: Tensors `[T, ...]`.
        f: Of as many numbers as the step makes of one row.
        shape: Of the output of a row.
        numbers: In a chunk.

    Returns:
        The totals after the last chunk, and the output of all rows.
    """
    length, row_size = ops.shape(rows[0])[0], math.prod(ops.shape(f))
    known = isinstance(length, int) and isinstance(row_size, int)
    most, least = (max, min) if known else (tf.maximum, tf.minimum)
    chunk = most(1, least(length, numbers // most(row_size, 1)))
    chunks = most(1, (length + chunk - 1) // chunk)

    def inside(totals: Any, *rows: Tensor) -> Any:
        if numbers == _CHUNK:
            return step(totals, *rows)
        return _in_chunks(step, totals, rows, f, shape, _CHUNK)

    if known and chunks == 1:
        return inside(totals, *rows)
    chunk = (length + chunks - 1) // chunks
    room = chunks * chunk - length

    def cut(x: Tensor) -> Any:
        rest = ops.shape(x)[1:]
        x = tf.pad(x, [[0, room], *[[0, 0]] * len(rest)])
        return tf.reshape(x, [chunks, chunk, *rest])  # [chunks, chunk, ...]

    cut_rows = [cut(x) for x in rows]

    def body(n: Tensor, totals: Any, outputs: Tensor) -> Any:
        totals, output = inside(totals, *[x[n] for x in cut_rows])
        outputs = tf.tensor_scatter_nd_update(outputs, [[n]], output[None])
        return n + 1, totals, outputs

    # Not a TensorArray, which LiteRT's own operations cannot be.
    outputs = tf.zeros([chunks, chunk, *shape], f.dtype)
    # An update of nothing is refused.
    steps = tf.where(tf.size(outputs) > 0, chunks, 0)
    _, totals, outputs = tf.while_loop(
        lambda n, *_: n < steps,
        body,
        (tf.constant(0), totals, outputs),
        maximum_iterations=steps,
        parallel_iterations=1,
    )
    return totals, tf.reshape(outputs, [chunks * chunk, *shape])[:length]
