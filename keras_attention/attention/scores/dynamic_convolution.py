"""Dynamic convolution attention: Battenberg et al. 2020."""

import math
from typing import Any

import keras
from keras import ops

from keras_attention.attention.alignments.valid_positions import first_position
from keras_attention.attention.heads import check_heads
from keras_attention.attention.scores.base import Score, registry
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import (
    positive_integer,
    positive_number,
)
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.types import Mask, Memory, Shape, State, Tensor

# The logarithm of the prior needs a floor: beyond the reach of its filter it is 0.
_FLOOR = 1e-6


def beta_binomial(count: int, alpha: float, beta: float) -> list[float]:
    """Probabilities of 0 ... `count`."""

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    return [
        math.comb(count, k)
        * math.exp(log_beta(k + alpha, count - k + beta) - log_beta(alpha, beta))
        for k in range(count + 1)
    ]


@registry.register("dynamic_convolution")
class DynamicConvolutionScore(Score):
    r"""Energies from where attention was, through filters that the query makes.

    $$ e_t = v^\top \tanh(U f_t + T g_t + b) + \log(P * a_{t-1}), \qquad
       f_t = F * a_{t-1}, \quad g_t = G(q_t) * a_{t-1}, \quad
       G(q) = V_G \tanh(W_G q + b_G) $$

    with static filters F, dynamic filters G, and the prior filter P, beta-binomial
    and fixed, which lets attention move forward only. $a_0$ is one at the first
    position. What stands in the keys plays no part.

    Args:
        units: Depth of the hidden layers. None takes the depth of the query.
        filters: Number of static filters, and of dynamic ones.
        width: Positions that these span, an odd number.
        prior_steps: How far the prior reaches forward in one step.
        prior_alpha, prior_beta: Of the beta-binomial distribution.

    Every head convolves its own weights, with the same filters, and has its slice of
    the hidden layer.

    State: the weights of the step before, `[B, H, S]`.

    Weights: `static [width, F]`, `dynamic/kernel [Dq, U]`, `dynamic/bias [U]`,
    `dynamic_filters [U, width * F]`, `location [2 * F, U]` (static first),
    `b [U]`, `v [U]`.

    Relative to the paper: the logarithm of the prior is at least that of 1e-6.

    Raises:
        ValueError: An argument that is not positive, or an even width.

    References:
        Battenberg et al. 2020, arXiv 1910.10288 (DCA).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> score = ka.scores.DynamicConvolutionScore(8, filters=2, width=5)
    >>> tuple(ka.Attention(score)(np.ones((2, 3, 4)), np.ones((2, 9, 6))).shape)[1:]
    (3, 6)
    """

    def __init__(
        self,
        units: int | None = None,
        filters: int = 8,
        width: int = 21,
        prior_steps: int = 10,
        prior_alpha: float = 0.1,
        prior_beta: float = 0.9,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.units = positive_integer("units", units, optional=True)
        self.filters = positive_integer("filters", filters)
        self.width = positive_integer("width", width, odd=True)
        self.prior_steps = positive_integer("prior_steps", prior_steps)
        self.prior_alpha = positive_number("prior_alpha", prior_alpha)
        self.prior_beta = positive_number("prior_beta", prior_beta)

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        units = self.units or query_shape[-1]
        check_heads(units, self.num_heads, "`units`")
        dynamic = keras.layers.Dense(
            units, activation="tanh", name="dynamic", dtype=self.dtype_policy
        )
        self.dynamic = build_part(dynamic, query_shape)

        def kernel(name: str, *shape: int, start: str = "glorot_uniform") -> Tensor:
            return self.add_weight(name=name, shape=shape, initializer=start)

        self.static = kernel("static", self.width, self.filters)
        made = self.width * self.filters
        self.dynamic_filters = kernel("dynamic_filters", units, made)
        self.location = kernel("location", 2 * self.filters, units)
        self.b = kernel("b", units, start="zeros")
        self.v = kernel("v", units)

    def precompute(self, key: Tensor) -> Memory:
        return key[:, :, :1]  # [B, S, 1], for its length alone

    def initial_state(self, keys: Memory, mask: Mask) -> State:
        return first_position(mask, self.num_heads, at_least_float32(keys.dtype))

    def next_state(
        self, state: State, weights: Tensor, context: Tensor, query: Tensor
    ) -> State:
        return ops.cast(weights, state.dtype)  # [B, H, S]

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        batch, heads, positions = ops.shape(state)
        dtype = self.compute_dtype
        side = self.width // 2
        around = windows(ops.cast(state, dtype), side, side)  # [B, H, S, width]
        count = heads * positions
        around = ops.reshape(around, (batch, count, self.width))  # [B, H*S, width]
        made = ops.matmul(
            self.dynamic(ops.squeeze(query, 1)), ops.cast(self.dynamic_filters, dtype)
        )  # [B, width*F]
        made = ops.reshape(made, (batch, self.width, self.filters))
        static = ops.cast(self.static, dtype)
        fixed = ops.matmul(ops.reshape(around, (-1, self.width)), static)
        fixed = ops.reshape(fixed, (batch, count, self.filters))  # [B, H*S, F]
        features = ops.concatenate([fixed, ops.matmul(around, made)], axis=-1)
        features = ops.reshape(features, (batch, heads, positions, 2 * self.filters))
        energies = [
            self._of_head(features[:, head], head) for head in range(self.num_heads)
        ]  # H of [B, S]
        found = ops.stack(energies, axis=1)  # [B, H, S]
        found = ops.cast(found, state.dtype) + self._log_prior(state)
        return ops.expand_dims(found, 2)  # [B, H, 1, S]

    def _of_head(self, features: Tensor, head: int) -> Tensor:
        """Energies `[B, S]` of a head's features `[B, S, 2 * F]`."""
        units = self.v.shape[0] // self.num_heads
        part = slice(head * units, (head + 1) * units)
        weights = (self.location, self.b, self.v)
        kernel, b, v = (ops.cast(x, features.dtype) for x in weights)
        batch, positions, depth = ops.shape(features)
        # Flat, as in `AdditiveScore`: it has to train under XLA in a loop.
        flat = ops.reshape(features, (-1, depth))  # [B*S, 2*F]
        hidden = ops.tanh(ops.matmul(flat, kernel[:, part]) + b[part])  # [B*S, U/H]
        energies = ops.matmul(hidden, ops.expand_dims(v[part], -1))  # [B*S, 1]
        return ops.reshape(energies, (batch, positions))

    def _log_prior(self, weights: Tensor) -> Tensor:
        """`[B, H, S]` of the same."""
        prior = beta_binomial(self.prior_steps, self.prior_alpha, self.prior_beta)
        # Entry 0 of a window is what stands `prior_steps` before its position.
        column = ops.convert_to_tensor(prior[::-1], weights.dtype)
        reached = windows(weights, self.prior_steps, 0)  # [B, H, S, 1 + steps]
        expected = ops.sum(reached * column, axis=-1)
        return ops.log(ops.maximum(expected, _FLOOR))


def windows(x: Tensor, before: int, after: int) -> Tensor:
    """What stands around every position, zeros beyond the ends.

    Args:
        x: `[B, H, S]`.
        before, after: Positions on either side.

    Returns:
        `[B, H, S, before + 1 + after]`.
    """
    positions = ops.shape(x)[-1]
    padded = ops.pad(x, ((0, 0), (0, 0), (before, after)))
    columns = [padded[..., k : k + positions] for k in range(before + 1 + after)]
    return ops.stack(columns, axis=-1)
