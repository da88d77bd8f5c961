"""Additive energies under TensorFlow's XLA, in the shapes that its fusion takes.

A product with a vector takes in what it is a product with, so that the ratios of the
forward pass are nowhere stored; so are sums that are unrolled in a loop. What two sums
have in common would be stored: the backward pass is three loops, with the same ratios.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

from keras_attention.backend.additive.ratio import FACTORED, Ratio
from keras_attention.layer_support.types import Tensor

_UNROLLED = 8


def forward(ratio: Ratio, query: Tensor, keys: Tensor, v: Tensor) -> Any:
    e = ratio.of_query(query)[:, :, :, None]  # [H, B, T, 1, D]
    f = ratio.of_key(keys)[:, :, None]  # [H, B, 1, S, D]
    pairs = ratio.of_pair(e, f)  # [H, B, T, S, D]
    heads, batch, targets, depth = ops.shape(query)
    # A product for each head: one with a block matrix would not take its ratios in.
    summed = [
        tf.linalg.matvec(tf.reshape(pairs[head], [-1, depth]), v[head])
        for head in range(heads)
    ]  # H of [B*T*S]
    shape = [heads, batch, targets, ops.shape(keys)[2]]
    total = tf.reduce_sum(v, -1)[:, None, None, None]  # [H, 1, 1, 1]
    return total - 2 * tf.reshape(tf.stack(summed), shape)  # [H, B, T, S]


def backward(
    ratio: Ratio, query: Tensor, keys: Tensor, v: Tensor, upstream: Tensor
) -> Any:
    e, f = ratio.of_query(query), ratio.of_key(keys)
    # The other is seldom run, but always compiled.
    unrolled = _UNROLLED if ratio is FACTORED else 1

    turned = tf.transpose(upstream, [0, 1, 3, 2])  # [H, B, S, T]
    scale = 4 * v[:, None, None]  # [H, 1, 1, D]
    to_query = scale * _summed(ratio.slope, e, f, upstream, unrolled)
    to_key = scale * _summed(ratio.slope_of_key, f, e, turned, unrolled)
    # Not the sum of `upstream` less twice that of r, which would cancel.
    to_v = _summed(lambda e, f: 1 - 2 * ratio.of_pair(e, f), e, f, upstream, unrolled)
    return to_query, to_key, tf.reduce_sum(to_v, [1, 2])


def _summed(
    function: Callable[[Tensor, Tensor], Any],
    x: Tensor,
    others: Tensor,
    g: Tensor,
    unrolled: int,
) -> Any:
    """The sum over n of `g[..., n] * function(x, others[..., n, :])`.

    Args:
        function: Of two tensors that broadcast.
        x: `[H, B, M, D]`.
        others: `[H, B, N, D]`.
        g: `[H, B, M, N]`.
        unrolled: Terms in a step of the loop.
    """
    # At least one: what is sliced has to be there.
    steps = tf.maximum(1, (tf.shape(others)[2] + unrolled - 1) // unrolled)
    room = steps * unrolled - tf.shape(others)[2]
    # N first, up to a multiple; what is added has g = 0.
    others = tf.pad(tf.transpose(others, [2, 0, 1, 3]), [[0, room], *[[0, 0]] * 3])
    g = tf.pad(tf.transpose(g, [3, 0, 1, 2]), [[0, room], *[[0, 0]] * 3])

    def body(step: Tensor, total: Tensor) -> Any:
        for n in range(unrolled):
            at = step * unrolled + n
            value = function(x, others[at][:, :, None])  # [H, B, M, D]
            total = total + g[at][..., None] * value
        return step + 1, total

    return tf.while_loop(
        lambda step, _: step < steps,
        body,
        (tf.constant(0), tf.zeros_like(x)),
        maximum_iterations=steps,
        parallel_iterations=1,
    )[1]
