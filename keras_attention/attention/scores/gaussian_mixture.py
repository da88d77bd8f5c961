"""Gaussian mixture attention: Graves 2013, and as Battenberg et al. 2020 have it."""

import math
from typing import Any

import keras
from keras import ops

from keras_attention.attention.alignments.valid_positions import valid_before
from keras_attention.attention.scores.base import Score, registry
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.argument_checks import (
    one_of,
    positive_integer,
    positive_number,
)
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.types import Mask, Memory, Shape, State, Tensor

_VERSIONS = ("v0", "v1", "v2")

# Standard deviations below this are far less than a position already.
_NARROWEST = 1e-3


@registry.register({f"gmm_{version}": {"version": version} for version in _VERSIONS})
class GaussianMixtureScore(Score):
    r"""Log-weights of a mixture of Gaussians over positions, whose means only grow.

    $$ e_{ts} = \log \sum_k \frac{w_{tk}}{Z_{tk}}
       \exp\Big(-\frac{(s - \mu_{tk})^2}{2 \sigma_{tk}^2}\Big), \qquad
       \mu_t = \mu_{t-1} + \Delta_t, \qquad
       (\hat w_t, \hat \Delta_t, \hat \sigma_t) = V \tanh(W q_t + b) $$

    | version | $Z$ | $w$ | $\Delta$ | $\sigma$ |
    |---|---|---|---|---|
    | `v0` | 1 | $\exp(\hat w)$ | $\exp(\hat \Delta)$ | $\sqrt{\exp(-\hat\sigma) / 2}$ |
    | `v1` | $\sqrt{2 \pi \sigma^2}$ | $\mathrm{softmax}(\hat w)$ | $\exp(\hat \Delta)$ | $\sqrt{\exp(\hat\sigma)}$ |
    | `v2` | $\sqrt{2 \pi \sigma^2}$ | $\mathrm{softmax}(\hat w)$ | $\log(1 + \exp \hat \Delta)$ | $\log(1 + \exp \hat \sigma)$ |

    `v0` is Graves' window. What stands in the keys plays no part.

    Args:
        version: `"v0"`, `"v1"` or `"v2"`; registered as `gmm_v0`, `gmm_v1`, `gmm_v2`.
        components: K, Gaussians of each head.
        units: Depth of the hidden layer. None takes the depth of the query.
        initial_step: $\Delta$ in the beginning, by a bias on $\hat\Delta$; None has no
            bias. The paper's "GMMv2b" has 1 here and 10 below.
        initial_width: $\sigma$ in the beginning, likewise.

    With the `exp` alignment the weights are the paper's, which need not sum to one;
    with `softmax` they are the same normalised over the sentence. Positions count from
    1, valid ones only, so that a step of 1 is on the first.

    State: the means, `[B, H, K]`, zeros before the first step, and the positions
    `[B, S]`.

    Weights: `hidden/kernel [Dq, U]`, `hidden/bias [U]`, `mixture [U, 3 * H * K]` (w,
    $\Delta$, $\sigma$, each head after head), and `step_bias [H * K]`,
    `width_bias [H * K]` where asked for.

    Relative to the paper: $\sigma$ is at least 0.001.

    Raises:
        ValueError: Unknown version, or an argument that is not positive.

    References:
        Battenberg et al. 2020, arXiv 1910.10288 (GMM attention V0, V1 and V2); Graves
        2013, arXiv 1308.0850, equations 46 to 51 (v0).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> score = ka.scores.GaussianMixtureScore("v2", initial_step=1.0)
    >>> attention = ka.Attention(score, "exp")
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """  # noqa: E501

    log_weights = True

    def __init__(
        self,
        version: str = "v2",
        components: int = 5,
        units: int | None = None,
        initial_step: float | None = None,
        initial_width: float | None = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.version = one_of("version", version, _VERSIONS)
        self.components = positive_integer("components", components)
        self.units = positive_integer("units", units, optional=True)
        self.initial_step = positive_number("initial_step", initial_step, optional=True)
        self.initial_width = positive_number(
            "initial_width", initial_width, optional=True
        )

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        units = self.units or query_shape[-1]
        hidden = keras.layers.Dense(
            units, activation="tanh", name="hidden", dtype=self.dtype_policy
        )
        self.hidden = build_part(hidden, query_shape)
        count = self.num_heads * self.components
        self.mixture = self.add_weight(
            name="mixture", shape=(units, 3 * count), initializer="glorot_uniform"
        )
        self.step_bias = self._bias("step_bias", self._raw_step(), count)
        self.width_bias = self._bias("width_bias", self._raw_width(), count)

    def precompute(self, key: Tensor) -> Memory:
        return key[:, :, :1]  # [B, S, 1], for its length alone

    def initial_state(self, keys: Memory, mask: Mask) -> State:
        dtype = at_least_float32(keys.dtype)
        shape = (ops.shape(mask)[0], self.num_heads, self.components)
        return ops.zeros(shape, dtype), valid_before(mask, dtype) + 1.0

    def next_state(
        self, state: State, weights: Tensor, context: Tensor, query: Tensor
    ) -> State:
        means, positions = state
        _, step, _ = self._gaussians(query)
        return means + ops.cast(step, means.dtype), positions

    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        means, positions = state
        weight, step, width = self._gaussians(ops.squeeze(query, 1))
        mean = ops.expand_dims(means + ops.cast(step, means.dtype), -1)  # [B, H, K, 1]
        where = ops.expand_dims(ops.expand_dims(positions, 1), 1)  # [B, 1, 1, S]
        away = (where - mean) / ops.expand_dims(width, -1)  # [B, H, K, S]
        parts = ops.expand_dims(weight, -1) - 0.5 * ops.square(away)
        return ops.expand_dims(ops.logsumexp(parts, axis=2), 2)  # [B, H, 1, S]

    def _gaussians(self, query: Tensor) -> Tensor:
        """log(w / Z), Delta and sigma of queries `[B, Dq]`, each `[B, H, K]`."""
        raw = ops.matmul(self.hidden(query), ops.cast(self.mixture, self.compute_dtype))
        raw = ops.cast(raw, at_least_float32(raw.dtype))  # [B, 3*H*K]
        weight, step, width = ops.split(raw, 3, axis=-1)
        if self.step_bias is not None:
            step = step + ops.cast(self.step_bias, step.dtype)
        if self.width_bias is not None:
            width = width + ops.cast(self.width_bias, width.dtype)
        shape = (-1, self.num_heads, self.components)
        weight, step, width = (ops.reshape(x, shape) for x in (weight, step, width))
        step = ops.softplus(step) if self.version == "v2" else ops.exp(step)
        if self.version == "v0":
            return weight, step, _at_least_narrowest(ops.exp(-0.5 * width) * 0.5**0.5)
        width = ops.softplus(width) if self.version == "v2" else ops.exp(0.5 * width)
        width = _at_least_narrowest(width)
        weight = ops.log_softmax(weight, axis=-1) - ops.log(width)
        return weight - 0.5 * math.log(2 * math.pi), step, width

    def _bias(self, name: str, start: float | None, count: int) -> Tensor | None:
        if start is None:
            return None
        initializer = keras.initializers.Constant(start)
        return self.add_weight(name=name, shape=(count,), initializer=initializer)

    def _raw_step(self) -> float | None:
        step = self.initial_step
        if step is None:
            return None
        return math.log(math.expm1(step)) if self.version == "v2" else math.log(step)

    def _raw_width(self) -> float | None:
        width = self.initial_width
        if width is None:
            return None
        if self.version == "v0":
            return -math.log(2 * width**2)
        if self.version == "v2":
            return math.log(math.expm1(width))
        return 2 * math.log(width)


def _at_least_narrowest(width: Tensor) -> Tensor:
    return ops.maximum(width, _NARROWEST)
