"""State of an unfinished run: one file that a kill leaves whole."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np

_EPOCHS, _DATA = "epochs", "data"


class Epoch(msgspec.Struct, frozen=True):
    """What one epoch came to.

    Attributes:
        epoch: Its number, from 1.
        loss: Mean over the training tokens.
        score: The chosen measure on the development set, in per cent.
        best: Whether no epoch before was better.
        seconds: What it took, evaluation included.
    """

    epoch: int
    loss: float
    score: float
    best: bool
    seconds: float


def save(path: Path, model: keras.Model, epochs: list[Epoch], data: str) -> None:
    """Write the model's and the optimizer's variables, and the epochs so far.

    The file is replaced at once when the new one is complete. `data` says what the
    model is trained with, vocabularies and pairs.
    """
    history = json.dumps(msgspec.to_builtins(epochs)).encode()
    arrays = {
        _EPOCHS: np.frombuffer(history, np.uint8),
        _DATA: np.frombuffer(data.encode(), np.uint8),
    }
    arrays |= {str(i): np.asarray(v) for i, v in enumerate(_variables(model))}
    with tempfile.TemporaryDirectory(prefix=".save-", dir=path.parent) as directory:
        complete = Path(directory, "complete.npz")
        with open(complete, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(complete, path)


def restore(path: Path, model: keras.Model, data: str) -> list[Epoch]:
    """Set the variables to those of a file, and return its epochs.

    Raises:
        ValueError: They are those of another model, or of other data.
    """
    with np.load(path) as arrays:
        variables = _variables(model)
        found = [arrays[str(i)] for i in range(len(arrays) - 2)]
        shapes = [tuple(v.shape) for v in variables]
        if [array.shape for array in found] != shapes:
            raise ValueError(
                f"{path} holds another model's state than the recipe's: its "
                f"vocabularies, sizes or optimizer differ. Expected: {len(shapes)} "
                f"variables of the recipe's shapes. Received: {len(found)}"
            )
        if arrays[_DATA].tobytes().decode() != data:
            raise ValueError(
                f"{path} holds the state of a run on other pairs. Expected: the same "
                "files, and tokenizers as in its recipe"
            )
        for variable, array in zip(variables, found, strict=True):
            variable.assign(array)
        return msgspec.convert(json.loads(arrays[_EPOCHS].tobytes()), list[Epoch])


def _variables(model: keras.Model) -> list[Any]:
    # Those of the metrics start anew in every epoch.
    counted = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in counted]
    return own + model.optimizer.variables
