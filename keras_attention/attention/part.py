"""Parts of an attention, scores and alignments: their heads, and how they are saved."""

import abc
from typing import Any, Self

import keras

from keras_attention.layer_support.constructor_config import constructor_config
from keras_attention.layer_support.types import Config


class AttentionPart(keras.layers.Layer, abc.ABC):
    """A layer that an attention is put together from.

    Attributes:
        num_heads: H, which the attention hands over (`with_heads`) before `build`.
    """

    num_heads: int = 1

    def with_heads(self, num_heads: int) -> Self:
        """Itself with H heads; a part that holds another hands them on."""
        self.num_heads = num_heads
        return self

    def get_config(self) -> Config:
        # Keras' automatic configuration cannot hold the dtype policy that the
        # layer around this part hands down.
        config = super().get_config() | {"num_heads": self.num_heads}
        return constructor_config(self) | config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The part that `get_config` described, with its number of heads."""
        # Keras builds the parts of a saved layer before the layer itself, which is
        # who knows the number of heads.
        config = dict(config)
        num_heads = config.pop("num_heads", 1)
        return cls(**config).with_heads(num_heads)
