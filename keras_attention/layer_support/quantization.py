"""Quantised parts of a layer, as its configuration knows them.

`keras.Model.quantize` changes `keras.layers.Dense` and `Embedding` wherever they stand.
Those that a layer makes for itself are in no configuration: loaded, they would be made
as they were before, and their saved weights would not fit.
"""

from collections.abc import Iterable
from typing import Any

import keras

from keras_attention.layer_support.types import Config


def quantized_layers(layer: keras.layers.Layer) -> list[Config]:
    """Place, mode and configuration of each quantised layer inside `layer`."""
    return [
        {
            "place": place,
            "mode": part.quantization_mode,
            "config": keras.saving.serialize_keras_object(
                getattr(part, "quantization_config", None)
            ),
        }
        for place, part in enumerate(_parts(layer))
        if part.quantization_mode is not None
    ]


def quantize_again(layer: keras.layers.Layer, quantized: Iterable[Config]) -> None:
    """Quantise a built layer's parts as those that `quantized_layers` was asked about.

    Args:
        layer: Of the same configuration. Parts that are quantised stay as they are.
        quantized: What `quantized_layers` returned.
    """
    parts = _parts(layer)
    for one in quantized:
        part = parts[one["place"]]
        if part.quantization_mode is None:
            config = keras.saving.deserialize_keras_object(one["config"])
            part.quantize(one["mode"], config=config)


def _parts(layer: keras.layers.Layer) -> list[Any]:
    """Every layer inside, in the order in which they were made."""
    return list(layer._flatten_layers(include_self=False))
