"""Configuration of an object, read off the arguments of its constructors."""

import inspect
from collections.abc import Collection
from typing import Any

import keras

from keras_attention.layer_support.types import Config

_BELOW = ("keras", "tensorflow", "torch", "jax")


def constructor_config(layer: Any, without: Collection[str] = ()) -> Config:
    """The arguments by name, of every class of a layer or loss above Keras' own.

    An argument is kept as the attribute of the same name. One that a class keeps
    nowhere, or passes on by `**`, is left to the class's `get_config`.

    Args:
        layer: The layer or loss.
        without: Arguments whose names are those of other attributes.
    """
    config = {}
    for cls in type(layer).__mro__:
        constructor = vars(cls).get("__init__")
        if constructor is None or cls.__module__.partition(".")[0] in _BELOW:
            continue
        for name, parameter in inspect.signature(constructor).parameters.items():
            named = parameter.kind in (
                parameter.POSITIONAL_OR_KEYWORD,
                parameter.KEYWORD_ONLY,
            )
            if named and name not in ("self", *without) and hasattr(layer, name):
                value = getattr(layer, name)
                config[name] = keras.saving.serialize_keras_object(value)
    return config
