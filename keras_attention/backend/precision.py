"""Precision that a computation needs."""

from typing import Any

import keras


def at_least_float32(dtype: Any) -> str:
    """float64 stays, everything smaller becomes float32.

    Normalisations and log-probabilities are computed in this dtype: half
    precision loses whole tokens in a softmax over a vocabulary.
    """
    return "float64" if _name(dtype) == "float64" else "float32"


def _name(dtype: Any) -> str:
    return str(keras.backend.standardize_dtype(dtype))


def require_concrete(method: str, *values: Any) -> None:
    """Raise ValueError when a symbolic `KerasTensor` is among `values`."""
    for value in keras.tree.flatten(values):
        if isinstance(value, keras.KerasTensor):
            raise ValueError(
                f"`{method}` works on values, not on the symbolic tensors of a "
                "functional model: call the layer itself there. Received: "
                f"{value}"
            )
