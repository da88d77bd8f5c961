"""Additive energies on JAX; see `energies.py`.

XLA stores every ratio of a sum over a whole axis on a processor, so that queries come
one by one, and sums are unrolled in loops.
"""

from typing import Any

import jax
import jax.numpy as jnp

from keras_attention.backend.additive.ratio import (
    DIRECT,
    FACTORED,
    Ratio,
    is_factorable,
)
from keras_attention.layer_support.types import Tensor

_UNROLLED = 8


@jax.custom_vjp
def _energies(query: Tensor, keys: Tensor, v: Tensor) -> Any:
    return _forward(query, keys, v)[0]


# Compiled once for all eager calls.
energies = jax.jit(_energies)


def _forward(query: Tensor, keys: Tensor, v: Tensor) -> Any:
    def compute(ratio: Ratio) -> Any:
        e, f = ratio.of_query(query), ratio.of_key(keys)

        def row(e: Tensor) -> Any:
            pairs = ratio.numerator(f, 1.0) / ratio.denominator(e[:, :, None], f)
            return jnp.einsum("hbsd,hd->hbs", pairs, v)

        return jnp.moveaxis(jax.lax.map(row, jnp.moveaxis(e, 2, 0)), 0, 2)

    factorable = is_factorable(query, keys)
    summed = jax.lax.cond(
        factorable, lambda: compute(FACTORED), lambda: compute(DIRECT)
    )
    total = jnp.sum(v, -1)[:, None, None, None]  # [H, 1, 1, 1]
    return total - 2 * summed, (query, keys, v, factorable)


def _backward(known: tuple[Tensor, ...], upstream: Tensor) -> Any:
    query, keys, v, factorable = known

    def compute(ratio: Ratio) -> Any:
        e, f = ratio.of_query(query), ratio.of_key(keys)

        turned = jnp.swapaxes(upstream, 2, 3)  # [H, B, S, T]
        return (
            _summed(ratio.slope, e, f, upstream),
            _summed(ratio.slope_of_key, f, e, turned),
            # Not the sum of `upstream` less twice that of r, which would cancel.
            jnp.sum(
                _summed(lambda e, f: 1 - 2 * ratio.of_pair(e, f), e, f, upstream),
                (1, 2),
            ),
        )

    to_query, to_keys, to_v = jax.lax.cond(
        factorable, lambda: compute(FACTORED), lambda: compute(DIRECT)
    )
    scale = 4 * v[:, None, None]  # [H, 1, 1, D]
    return scale * to_query, scale * to_keys, to_v


_energies.defvjp(_forward, _backward)


def _summed(function: Any, x: Tensor, others: Tensor, g: Tensor) -> Any:
    """The sum over n of `g[..., n] * function(x, others[..., n, :])`.

    Args:
        function: Of two tensors that broadcast.
        x: `[H, B, M, D]`.
        others: `[H, B, N, D]`.
        g: `[H, B, M, N]`.
    """
    # At least one: what is sliced has to be there.
    steps = max(1, -(-others.shape[2] // _UNROLLED))
    room = steps * _UNROLLED - others.shape[2]
    # N first, up to a multiple; what is added has g = 0.
    others = jnp.pad(jnp.moveaxis(others, 2, 0), ((0, room), *((0, 0),) * 3))
    g = jnp.pad(jnp.moveaxis(g, 3, 0), ((0, room), *((0, 0),) * 3))

    def body(step: Any, total: Tensor) -> Any:
        for n in range(_UNROLLED):
            at = step * _UNROLLED + n
            total = total + g[at][..., None] * function(x, others[at][:, :, None])
        return total

    return jax.lax.fori_loop(0, steps, body, jnp.zeros_like(x))
