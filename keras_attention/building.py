"""Building the parts of a layer."""

from typing import Any

import keras


def build_part(part: keras.layers.Layer, *shapes: Any) -> None:
    """Build a part, unless it is built.

    Keras builds every object of a saved model when it reads it, the parts before
    the layer that holds them.
    """
    if not part.built:
        part.build(*shapes)
