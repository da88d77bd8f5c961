"""Arrays by their names from TensorFlow's checkpoints and Keras' HDF5 files."""

import os
from typing import Any

import numpy as np

from keras_attention.migrate.assignments import Arrays

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arrays of a TensorFlow checkpoint.

    Args:
        path: As for `tf.train.load_checkpoint`: what `tf.train.Checkpoint`,
            `model.save_weights` or a `Saver` wrote, or the folder it lies in; of a
            SavedModel, its `variables/variables`.

    Returns:
        Arrays by name: the path of attributes, such as `decoder/cell/_cell/kernel`, or
        the variable's name in a checkpoint by names. Without what an optimizer attached
        to variables (`.OPTIMIZER_SLOT`), but with its own (`optimizer/...`).
    """
    # Only this needs TensorFlow.
    import tensorflow as tf

    reader = tf.train.load_checkpoint(os.fspath(path))
    names = sorted(reader.get_variable_to_shape_map())
    by_object = "_CHECKPOINTABLE_OBJECT_GRAPH" in names
    kept = [
        name
        for name in names
        if ".OPTIMIZER_SLOT" not in name and name.endswith(_VALUE * by_object)
    ]
    return {name.removesuffix(_VALUE): reader.get_tensor(name) for name in kept}


def read_h5(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arrays of an HDF5 file of Keras 2: `save_weights` or `save` to `.h5`.

    Returns:
        Arrays by the variables' names, each once, in the model's order; if two differ
        and have one name, the second has its layer's name in front.

    Raises:
        ValueError: The file is none of Keras 2.
    """
    # Comes with Keras, and is slow to import.
    import h5py

    arrays: dict[str, Any] = {}
    with h5py.File(path) as file:
        layers = file["model_weights"] if "model_weights" in file else file
        if "layer_names" not in layers.attrs:
            raise ValueError(
                "`path` must be a file that Keras 2 wrote, by `save_weights` or `save` "
                f"to `.h5`. Received: {os.fspath(path)!r}, with {sorted(layers)}"
            )
        for layer in map(_text, layers.attrs["layer_names"]):
            # A layer lists the weights of the layers in it, too.
            for name in map(_text, layers[layer].attrs["weight_names"]):
                array = np.asarray(layers[layer][name])
                if not np.array_equal(arrays.setdefault(name, array), array):
                    arrays[f"{layer}/{name}"] = array
    return arrays


def select(arrays: Arrays, *prefixes: str) -> dict[str, Any]:
    """Those arrays whose names start with one of the prefixes."""
    return {name: x for name, x in arrays.items() if name.startswith(prefixes)}


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
