"""Cosine score with a sharpness: the content-based addressing of Graves et al. 2014."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.heads import check_heads, split_heads
from keras_attention.attention.scores.base import Score, registry
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.types import Memory, Shape, State, Tensor

_LEAST_SQUARE = 1e-12


@registry.register("cosine")
class CosineScore(Score):
    r"""Cosine of the angle between query and key, times a sharpness.

    $$ e_{ts} = \beta_t \, \frac{q_t^\top k_s}{\lVert q_t \rVert \lVert k_s \rVert} $$

    Args:
        sharpness: A positive number; `"learned"`, one weight for each head; or
            `"query"`, $\beta_t = \log(1 + \exp(w^\top q_t + b))$, emitted at every
            step as by the paper's controller.

    Query and key must have the same depth, which the number of heads divides; head h
    compares slice h. A vector of length 0 has cosine 0 with everything.

    Weights: `g [H]` for `"learned"`, which starts at 1; `sharpness/kernel [Dq, H]` and
    `sharpness/bias [H]` for `"query"`.

    Relative to the paper: it asks for a positive $\beta_t$ and does not say which
    function of the controller's output makes it so; the softplus is this library's
    choice, as are a number and one weight.

    Raises:
        ValueError: Unknown sharpness, or query and key of different depth.

    References:
        Graves, Wayne & Danihelka 2014, arXiv 1410.5401, equations 5 and 6.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> score = ka.scores.CosineScore(sharpness=5.0)
    >>> tuple(ka.Attention(score)(np.ones((2, 3, 4)), np.ones((2, 5, 4))).shape)[1:]
    (3, 4)
    """

    pairwise = True

    def __init__(self, sharpness: float | str = "learned", **layer: Any) -> None:
        super().__init__(**layer)
        named = sharpness in ("learned", "query")
        number = isinstance(sharpness, (int, float)) and not isinstance(sharpness, bool)
        if not named and not (number and 0 < float(sharpness) < float("inf")):
            raise ValueError(
                '`sharpness` must be a positive number, "learned" or "query". '
                f"Received: sharpness={sharpness!r}"
            )
        self.sharpness = sharpness

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        if query_shape[-1] != key_shape[-1]:
            raise ValueError(
                "The cosine score compares query and key directly: expected the same "
                f"depth. Received: query {query_shape[-1]}, key {key_shape[-1]}"
            )
        check_heads(query_shape[-1], self.num_heads, "the depth of the query")
        if self.sharpness == "learned":
            heads = (self.num_heads,)
            self.g = self.add_weight(name="g", shape=heads, initializer="ones")
        if self.sharpness == "query":
            emitted = keras.layers.Dense(
                self.num_heads, name="sharpness", dtype=self.dtype_policy
            )
            self.emitted = build_part(emitted, query_shape)

    def precompute(self, key: Tensor) -> Memory:
        return _unit(split_heads(key, self.num_heads))  # [B, H, S, D/H]

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        unit = _unit(split_heads(query, self.num_heads))  # [B, H, T, D/H]
        cosines = ops.matmul(unit, ops.swapaxes(keys, -1, -2))  # [B, H, T, S]
        return cosines * ops.cast(self._sharpness(query), cosines.dtype)

    def _sharpness(self, query: Tensor) -> Tensor:
        """`[B, H, T, 1]`, or what broadcasts to it."""
        if self.sharpness == "learned":
            return ops.reshape(self.g, (1, -1, 1, 1))
        if self.sharpness == "query":
            batch, targets, depth = ops.shape(query)
            # Flat, as in `AdditiveScore`: it has to train under XLA in a loop.
            emitted = self.emitted(ops.reshape(query, (-1, depth)))  # [B*T, H]
            emitted = ops.reshape(emitted, (batch, targets, self.num_heads, 1))
            return ops.softplus(ops.transpose(emitted, (0, 2, 1, 3)))  # [B, H, T, 1]
        return ops.convert_to_tensor(float(self.sharpness))


def _unit(x: Tensor) -> Tensor:
    """Vectors of length 1 (or 0) along the last axis."""
    exact = ops.cast(x, at_least_float32(x.dtype))
    square = ops.sum(ops.square(exact), axis=-1, keepdims=True)
    return ops.cast(exact * ops.rsqrt(ops.maximum(square, _LEAST_SQUARE)), x.dtype)
