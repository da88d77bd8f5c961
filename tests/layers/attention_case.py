"""What a case of an attention is, and what several kinds of cases share."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

import keras_attention as ka
from tests.layers.weights import weight
from tests.reference import scores

B, T, S, D, DV, U = 3, 4, 5, 6, 6, 8


@dataclasses.dataclass(frozen=True)
class AttentionCase:
    """One attention and its oracle.

    ``make(num_heads, **layer)``, ``energies(layer, query, keys, heads)`` and
    ``row(layer, energies, query, head, place)``, the weights of the valid positions
    of one query ``[D]``, of which ``place`` others came before. ``weights(layer, query,
    key, value, value_mask, query_mask, heads)`` is for those that carry a state.
    """

    make: Callable[..., Any]
    energies: Callable[..., np.ndarray] | None
    score: str
    alignment: str = "softmax"
    key_depth: int = 4
    row: Callable[..., np.ndarray] | None = None
    weights: Callable[..., np.ndarray] | None = None


def additive(layer, query, keys, heads):
    parts = weight(layer, "query/kernel"), weight(layer, "key/kernel")
    return scores.additive(query, keys, *parts, weight(layer, "v"), heads=heads)


def general(scale=None):
    def energies(layer, query, keys, heads):
        g = weight(layer, "g") if scale == "learned" else None
        depth = query.shape[-1] // heads
        plain = scores.general(query, keys, weight(layer.score, "kernel"), heads)
        return scores.scaled(plain, scale, depth, g)

    return energies


def with_score(score):
    def make(dtype=None, **layer):
        return ka.Attention(score(dtype), dtype=dtype, **layer)

    return make
