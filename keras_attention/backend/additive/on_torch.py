"""Additive energies on torch; see `energies.py`.

An operation is a pass over memory, chunk by chunk. `torch.compile` is given the plain
form: it makes one loop of the sum and of what is summed.
"""

from typing import Any

import torch

from keras_attention.backend.additive.ratio import (
    DIRECT,
    FACTORED,
    Ratio,
    is_factorable,
)
from keras_attention.layer_support.types import Tensor

# Numbers in a chunk, if it is not a single query of every row: what stays in a cache
# of a processor, or keeps an accelerator busy.
_CHUNK = {"cpu": 2**20, "cuda": 2**26}


def energies(query: Tensor, keys: Tensor, v: Tensor) -> Any:
    if query.device.type == "meta":  # Keras asks for the shape alone.
        return query.new_empty((*query.shape[:3], keys.shape[2]))
    if torch.compiler.is_compiling():
        pairs = query[:, :, :, None] + keys[:, :, None]  # [H, B, T, S, D]
        return (v[:, None, None, None] * torch.tanh(pairs)).sum(-1)  # [H, B, T, S]
    return _Energies.apply(query, keys, v)


class _Energies(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, query: Tensor, keys: Tensor, v: Tensor) -> Any:
        context.save_for_backward(query, keys, v)
        return _either(_forward, query, keys, v)

    @staticmethod
    def backward(context: Any, upstream: Tensor) -> Any:
        return _either(_backward, *context.saved_tensors, upstream)


def _either(function: Any, query: Tensor, keys: Tensor, *others: Tensor) -> Any:
    ratio = FACTORED if is_factorable(query, keys) else DIRECT
    return function(ratio, query, keys, *others)


def _forward(ratio: Ratio, query: Tensor, keys: Tensor, v: Tensor) -> Any:
    e = ratio.of_query(query)[:, :, :, None]  # [H, B, T, 1, D]
    f = ratio.of_key(keys)[:, :, None]  # [H, B, 1, S, D]
    numerator = ratio.numerator(f, v[:, None, None, None])
    summed = [
        (numerator / ratio.denominator(part, f)).sum(-1)  # [H, B, c, S]
        for part in _chunks(e, keys)
    ]
    return v.sum(-1)[:, None, None, None] - 2 * torch.cat(summed, 2)


def _backward(
    ratio: Ratio, query: Tensor, keys: Tensor, v: Tensor, upstream: Tensor
) -> Any:
    e = ratio.of_query(query)[:, :, :, None]  # [H, B, T, 1, D]
    f = ratio.of_key(keys)[:, :, None]  # [H, B, 1, S, D]
    numerator = ratio.numerator(f, 1.0)
    to_query, to_keys, to_v = [], 0.0, 0.0
    parts = zip(_chunks(e, keys), _chunks(upstream[..., None], keys), strict=True)
    for part, g in parts:
        r = numerator / ratio.denominator(part, f)  # [H, B, c, S, D]
        weighted = g * r
        slope = weighted - weighted * r
        to_query.append(slope.sum(3))
        to_keys = to_keys + slope.sum(2)
        # Query by query: the sum of all of `g` would cancel with that of r.
        to_v = to_v + (g.sum(3) - 2 * weighted.sum(3)).sum((1, 2))
    scale = 4 * v[:, None, None]  # [H, 1, 1, D]
    return (
        scale * torch.cat(to_query, 2),
        scale * to_keys,
        to_v,
    )


def _chunks(x: Tensor, keys: Tensor) -> Any:
    """Queries `[H, B, T, ...]` as many at a time as a chunk takes."""
    most = _CHUNK.get(x.device.type, _CHUNK["cuda"])
    return x.split(max(1, most // max(1, keys.numel())), 2)
