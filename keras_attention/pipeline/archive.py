"""Files of pipelines: one zip file with a model and the objects that belong to it."""

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import keras

from keras_attention.layer_support.argument_checks import local_path

_MODEL = "model.keras"
_PARTS = "tokenizers.json"
_FORMAT = 1
# The same content gives the same bytes, whenever it is written.
_DATE = (1980, 1, 1, 0, 0, 0)


def write(
    path: str | os.PathLike[str], model: keras.Model, parts: Mapping[str, Any]
) -> None:
    """Write a model, and objects with `get_config`, into one zip file.

    A file that is there is replaced at once when the new one is complete.

    Args:
        path: The file; its directory is made if need be.
        model: Saved as `model.keras` inside.
        parts: Objects of classes that are registered with Keras, by name.
    """
    path = local_path("path", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"format": _FORMAT} | {
        name: keras.saving.serialize_keras_object(part) for name, part in parts.items()
    }
    # Beside the file, since only within a directory is renaming one step.
    with tempfile.TemporaryDirectory(prefix=".save-", dir=path.parent) as directory:
        model_path = Path(directory, _MODEL)
        model.save(model_path)
        complete = Path(directory, "complete")
        with open(complete, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(
                    zipfile.ZipInfo(_MODEL, _DATE), model_path.read_bytes()
                )
                archive.writestr(
                    zipfile.ZipInfo(_PARTS, _DATE),
                    json.dumps(document, ensure_ascii=False, indent=1),
                )
            file.flush()
            os.fsync(file.fileno())
        os.replace(complete, path)


def read(
    path: str | os.PathLike[str] | BinaryIO, compile: bool
) -> tuple[keras.Model, dict[str, Any]]:
    """The model and the objects that `write` put into a file.

    Raises:
        ValueError: The file is not one of those, or newer than this package.
    """
    file = path if hasattr(path, "read") else local_path("path", path)
    try:
        with zipfile.ZipFile(file) as archive:
            data, document = archive.read(_MODEL), json.loads(archive.read(_PARTS))
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise ValueError(
            "`path` must be a pipeline's file. Expected: one written by "
            f"TextToText.save. Received: {path} ({error})"
        ) from error
    version = document.pop("format", None)
    if version != _FORMAT:
        raise ValueError(
            "`path` must be a file that this version of the package reads. "
            f"Expected: format {_FORMAT}. Received: format {version}, in {path}"
        )
    with tempfile.TemporaryDirectory() as directory:
        model_path = Path(directory, _MODEL)
        model_path.write_bytes(data)
        model = keras.saving.load_model(model_path, compile=compile)
    parts = {
        name: keras.saving.deserialize_keras_object(part)
        for name, part in document.items()
    }
    return model, parts
