"""The factor on a dot product: none, 1/sqrt(d) or learned."""

import keras
from keras import ops

from keras_attention.layer_support.types import Tensor

SCALES = (None, "sqrt", "learned")


def add_scale_weight(layer: keras.layers.Layer, scale: str | None) -> Tensor:
    """The scalar weight `g`, which starts at 1, when `scale` is learned."""
    if scale != "learned":
        return None
    return layer.add_weight(name="g", shape=(), initializer="ones")


def scaled(query: Tensor, scale: str | None, g: Tensor, depth: int) -> Tensor:
    """`query` times the factor: cheaper than scaling the energies `[B, H, T, S]`."""
    if scale == "sqrt":
        # A Python number takes the tensor's precision; a cast one would have
        # passed through float32.
        return query * depth**-0.5
    if scale == "learned":
        return query * ops.cast(g, query.dtype)
    return query
