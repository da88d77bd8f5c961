"""Building the parts of a layer."""

import keras

from keras_attention.layer_support.types import Shape


def build_part(part: keras.layers.Layer, *shapes: Shape | list[Shape]) -> None:
    """Build a part, unless it is built.

    Keras builds every object of a saved model when it reads it, the parts before
    the layer that holds them.
    """
    if not part.built:
        part.build(*shapes)


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
