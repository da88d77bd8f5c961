"""What is saved and asked, and the inputs of layers."""

from typing import Any, NamedTuple

import keras
import numpy as np

B, T, S, D, DV, U = 2, 3, 5, 6, 4, 8


class Golden(NamedTuple):
    """A model to be saved, and what it is asked.

    Attributes:
        inputs: By name.
        labels: For `evaluate` and a step of training, by output; None for a model that
            is not compiled.
    """

    model: Any
    inputs: dict[str, Any]
    labels: dict[str, Any] | None = None


def given():
    """Symbolic inputs by name."""
    return {
        "query": keras.Input((None, D), name="query"),
        "value": keras.Input((None, DV), name="value"),
        "mask": keras.Input((None,), dtype="bool", name="mask"),
    }


def arrays():
    """Numbers for them; one row with holes in its mask."""
    random = np.random.default_rng(6)
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0]], bool)
    return {
        "query": random.normal(size=(B, T, D)).astype("float32"),
        "value": random.normal(size=(B, S, DV)).astype("float32"),
        "mask": mask,
    }
