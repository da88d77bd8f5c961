"""Additive scores that also see the weights of the steps before."""

import abc
from typing import Any, Self

from keras import ops

from keras_attention.attention.scores.additive import AdditiveScore
from keras_attention.attention.scores.base import Score
from keras_attention.backend.precision import at_least_float32
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.types import Config, Mask, Shape, Tensor

_LAYER = ("name", "dtype", "trainable")


class AdditiveWithHistory(Score, abc.ABC):
    """An additive score within another, which adds to its keys.

    Args:
        units: Depth U of the hidden layer. None takes the depth of the query.
        **additive: Further arguments of `AdditiveScore`, and of the layer. `use_bias`
            is True unless said otherwise.
    """

    def __init__(self, units: int | None, **additive: Any) -> None:
        layer = {key: additive.pop(key) for key in _LAYER if key in additive}
        super().__init__(**layer)
        dtype = {key: value for key, value in layer.items() if key == "dtype"}
        self.additive = AdditiveScore(
            units, **({"use_bias": True} | additive), name="additive", **dtype
        )

    def with_heads(self, num_heads: int) -> Self:
        self.additive.with_heads(num_heads)
        return super().with_heads(num_heads)

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        build_part(self.additive, query_shape, key_shape)

    def precompute(self, key: Tensor) -> Tensor:
        return self.additive.precompute(key)  # [B, S, U]

    def no_weights(self, keys: Tensor, mask: Mask) -> Tensor:
        """Weights before the first step: zeros `[B, H, S]`."""
        shape = (ops.shape(mask)[0], self.num_heads, ops.shape(mask)[1])
        return ops.zeros(shape, at_least_float32(keys.dtype))

    def get_config(self) -> Config:
        inner = self.additive.get_config()
        for key in (*_LAYER, "num_heads"):
            del inner[key]
        return inner | super().get_config()
