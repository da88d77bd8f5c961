"""Coverage in the score: Tu et al. 2016, See et al. 2017."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.scores.additive import AdditiveScore
from keras_attention.attention.scores.base import Score
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.building import build_part


@keras.saving.register_keras_serializable(package="keras_attention")
class CoverageScore(Score):
    r"""Additive score that knows how much attention each position has had.

    $$ e_{ts} = v^\top \tanh(W_q q_t + W_k k_s + w_c\, c_{ts} + b),
       \qquad c_{ts} = \sum_{t' < t} a_{t's} $$

    Args:
        units: Depth U of the hidden layer. None takes the depth of the query.
        **additive: Further arguments of `AdditiveScore`, and of the layer. `use_bias`
            is True unless said otherwise, as in the papers.

    State: $c_t$, `[B, H, S]`, zeros before the first step; every head has its own.

    Weights: `additive/...` of `AdditiveScore`, and `w_c [U]`.

    Relative to the papers: See et al. are reproduced, but that padding is masked before
    the softmax, not after it. Of Tu et al. this is the linguistic coverage with d = 1
    and fertility 1; their neural coverage is a GRU. The coverage *loss* is
    `ka.losses`' affair, the coverage *penalty* that of generation.

    References:
        See, Liu & Manning 2017, arXiv 1704.04368, equations 10 and 11; Tu et al. 2016,
        arXiv 1601.04811 (linguistic coverage).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention(ka.scores.CoverageScore(units=8))
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 6)
    """

    def __init__(self, units: int | None = None, **additive: Any) -> None:
        layer, additive = split_layer_arguments(additive)
        super().__init__(**layer)
        self.additive = AdditiveScore(
            units, **({"use_bias": True} | additive), name="additive", **_dtype(layer)
        )

    def build(self, query_shape: Any, key_shape: Any) -> None:
        self.additive.num_heads = self.num_heads
        build_part(self.additive, query_shape, key_shape)
        self.w_c = self.add_weight(
            name="w_c",
            shape=self.additive.v.shape,
            initializer="glorot_uniform",
        )

    def precompute(self, key: Any) -> Any:
        return self.additive.precompute(key)  # [B, S, U]

    def initial_state(self, keys: Any, mask: Any) -> Any:
        shape = (ops.shape(mask)[0], self.num_heads, ops.shape(mask)[1])
        return ops.zeros(shape, at_least_float32(keys.dtype))  # [B, H, S]

    def next_state(self, state: Any, weights: Any, context: Any, query: Any) -> Any:
        return state + ops.cast(weights, state.dtype)

    def energies(self, query: Any, keys: Any, state: Any) -> Any:
        coverage = ops.transpose(ops.cast(state, keys.dtype), (0, 2, 1))  # [B, S, H]
        # Every head's coverage beside the units of that head.
        w_c = ops.cast(ops.reshape(self.w_c, (self.num_heads, -1)), keys.dtype)
        covered = ops.expand_dims(coverage, -1) * w_c  # [B, S, H, U/H]
        covered = ops.reshape(covered, ops.shape(keys))  # [B, S, U]
        return self.additive.energies(query, keys + covered, ())

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | inner_config(self.additive)


_LAYER = ("name", "dtype", "trainable")


def split_layer_arguments(arguments: dict[str, Any]) -> tuple[dict, dict]:
    """Those of the layer itself, and the others."""
    layer = {key: value for key, value in arguments.items() if key in _LAYER}
    others = {key: value for key, value in arguments.items() if key not in _LAYER}
    return layer, others


def inner_config(additive: AdditiveScore) -> dict[str, Any]:
    """Configuration of an additive score within another, without the layer's own."""
    config = split_layer_arguments(additive.get_config())[1]
    return {key: value for key, value in config.items() if key != "num_heads"}


def _dtype(layer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in layer.items() if key == "dtype"}
