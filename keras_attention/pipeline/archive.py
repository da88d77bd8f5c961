"""One file with a model and the objects that belong to it."""

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

_MODEL = "model.keras"
_PARTS = "tokenizers.json"
_FORMAT = 1
# The same content gives the same bytes, whenever it is written.
_DATE = (1980, 1, 1, 0, 0, 0)


def write(path: str | os.PathLike[str], model: Any, parts: Mapping[str, Any]) -> None:
    """Write a model, and objects with `get_config`, into one zip file.

    A file that is there is replaced at once when the new one is complete.

    Args:
        path: The file; its directory is made if need be.
        model: Saved as `model.keras` inside.
        parts: Objects of classes that are registered with Keras, by name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    serialized = {
        name: keras.saving.serialize_keras_object(part) for name, part in parts.items()
    }
    document = json.dumps(
        {"format": _FORMAT, **serialized}, ensure_ascii=False, indent=1
    )
    # Beside the file, since only within a directory is renaming one step.
    with tempfile.TemporaryDirectory(prefix=".save-", dir=path.parent) as directory:
        model_path = Path(directory, _MODEL)
        model.save(model_path)
        complete = Path(directory, "complete")
        with open(complete, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for name, data in (
                    (_MODEL, model_path.read_bytes()),
                    (_PARTS, document.encode()),
                ):
                    archive.writestr(zipfile.ZipInfo(name, _DATE), data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(complete, path)


def read(path: str | os.PathLike[str], compile: bool) -> tuple[Any, dict[str, Any]]:
    """The model and the objects that `write` put into a file.

    Raises:
        ValueError: The file is not one of those, or newer than this package.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            data, document = archive.read(_MODEL), json.loads(archive.read(_PARTS))
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise ValueError(
            f"Expected a file written by TextToText.save. Received: {path} ({error})"
        ) from error
    if document.pop("format", None) != _FORMAT:
        raise ValueError(f"Expected format {_FORMAT}. Received: another one, in {path}")
    with tempfile.TemporaryDirectory() as directory:
        model_path = Path(directory, _MODEL)
        model_path.write_bytes(data)
        model = keras.saving.load_model(model_path, compile=compile)
    parts = {
        name: keras.saving.deserialize_keras_object(part)
        for name, part in document.items()
    }
    return model, parts
