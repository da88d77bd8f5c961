"""Quantised parts of a layer, as its configuration knows them.

`keras.Model.quantize` changes `keras.layers.Dense` and `Embedding` wherever they stand.
Those that a layer makes for itself are in no configuration: loaded, they would be made
as they were before, and their saved weights would not fit.
"""

from collections import Counter

import keras

from keras_attention.layer_support.types import Config


def quantized_layers(layer: keras.layers.Layer) -> Config:
    """Mode and configuration of each quantised layer inside `layer`, by its place."""
    return {
        place: {
            "mode": part.quantization_mode,
            "config": keras.saving.serialize_keras_object(
                getattr(part, "quantization_config", None)
            ),
        }
        for place, part in _parts(layer).items()
        if part.quantization_mode is not None
    }


def quantize_again(layer: keras.layers.Layer, quantized: Config) -> None:
    """Quantise a built layer's parts as those that `quantized_layers` was asked about.

    Args:
        layer: Of the same configuration. Parts that are quantised stay as they are.
        quantized: What `quantized_layers` returned.
    """
    parts = _parts(layer)
    for place, given in quantized.items():
        if parts[place].quantization_mode is None:
            config = keras.saving.deserialize_keras_object(given["config"])
            parts[place].quantize(given["mode"], config=config)


def _parts(layer: keras.layers.Layer) -> dict[str, keras.layers.Layer]:
    """Every layer inside by its name, and its number among those of that name."""
    seen: Counter[str] = Counter()
    parts = {}
    for part in layer._flatten_layers(include_self=False):
        parts[f"{part.name}/{seen[part.name]}"] = part
        seen[part.name] += 1
    return parts
