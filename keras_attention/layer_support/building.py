"""Building the parts of a layer, from their configurations and for their inputs."""

from typing import Any, TypeVar

import keras

from keras_attention.layer_support.types import Nested, Shape

Part = TypeVar("Part", bound=keras.layers.Layer)


def from_config(part: Any) -> Any:
    """A part, or the one that a configuration (dict) describes."""
    if isinstance(part, dict):
        return keras.saving.deserialize_keras_object(part)
    return part


def build_part(part: Part, *shapes: Nested | Shape | None) -> Part:
    """The part, built unless it was built before.

    Keras builds every object of a saved model when it reads it, the parts before
    the layer that holds them.
    """
    if not part.built:
        part.build(*shapes)
    return part


def require_built(layer: keras.layers.Layer, method: str, shapes: str) -> None:
    """Raise ValueError unless the layer is built.

    Args:
        layer: Whose method it is.
        method: Its name.
        shapes: The arguments of the layer's `build`, for the message.
    """
    if not layer.built:
        raise ValueError(
            f"`{method}` needs a built layer: call {type(layer).__name__} "
            f"{layer.name!r} once, or `build({shapes})`."
        )
