"""The base of scores and alignments: heads, and how they are saved."""

import abc
from typing import Any

import keras

from keras_attention.layer_support.types import Config


class AttentionPart(keras.layers.Layer, abc.ABC):
    """A layer that an attention is put together from.

    Attributes:
        num_heads: H, set by the attention.
    """

    num_heads: int = 1

    def get_config(self) -> Config:
        # Keras' automatic configuration cannot hold the dtype policy that the
        # layer around this part hands down. A class with arguments adds its own.
        return super().get_config() | {"num_heads": self.num_heads}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """The part that `get_config` described, with its number of heads."""
        # Keras builds the parts of a saved layer before the layer itself, which is
        # who knows the number of heads.
        config = dict(config)
        num_heads = config.pop("num_heads", 1)
        part = cls(**config)
        part.num_heads = num_heads
        return part
