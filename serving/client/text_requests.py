"""The agreement with exported models: what is sent for texts.

Every tensor starts with the batch, B texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from serving.client.values import Signature
from serving.tensors.dtypes import TensorError
from serving.tensors.encoding import as_array, as_bytes

TEXT_INPUT = "text"
TARGET_INPUT = "target_text"


def text_input(texts: Iterable[str | bytes], name: str = "texts") -> np.ndarray:
    """Texts as a string tensor ``[B]``.

    Args:
        texts: The texts.
        name: What the caller calls them.

    Raises:
        TypeError: A single string, or an element that is none.
        ValueError: A text that UTF-8 cannot express.
    """
    if isinstance(texts, str | bytes):
        raise TypeError(
            f"{name}: expected a list of strings, received a single "
            f"{type(texts).__name__}; write [text]"
        )
    rows = list(texts)
    array = np.empty(len(rows), object)
    for index, text in enumerate(rows):
        if not isinstance(text, str | bytes):
            raise TypeError(
                f"{name}[{index}]: expected str or bytes, "
                f"received {type(text).__name__}"
            )
        try:
            array[index] = as_bytes(text)
        except TensorError as error:
            raise ValueError(f"{name}[{index}]: {error}") from None
    return array


def option_inputs(
    options: Mapping[str, Any],
    signature: Signature,
    dtypes: Mapping[str, np.dtype],
    batch: int,
) -> dict[str, np.ndarray]:
    """Options as one tensor ``[B]`` each, defaults filled in.

    Args:
        options: Name to scalar, or to a sequence of B values.
        signature: The signature that takes them.
        dtypes: NumPy dtype of each of its inputs.
        batch: B.

    Raises:
        ValueError: An unknown option, one without value and default, or values of
            the wrong number or kind.
    """
    names = [name for name in signature.inputs if name != TEXT_INPUT]
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise ValueError(
            f"options: expected any of {sorted(names)}, received {unknown}"
        )
    tensors = {}
    for name in names:
        if name in options:
            values = as_array(options[name])
        elif name in signature.defaults:
            values = signature.defaults[name]
            values = values.reshape(()) if values.size == 1 else values
        else:
            raise ValueError(f"options[{name!r}]: no value given and no default")
        values = cast(f"options[{name!r}]", values, dtypes[name])
        if values.ndim == 0:
            values = np.full(batch, values[()], values.dtype)
        if values.shape != (batch,):
            raise ValueError(
                f"options[{name!r}]: expected a scalar or {batch} values, "
                f"received shape {list(values.shape)}"
            )
        tensors[name] = values
    return tensors


def cast(name: str, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values in a dtype, where that loses nothing but float precision.

    Raises:
        ValueError: The kinds do not match, or an integer does not fit.
    """
    if values.dtype == dtype:
        return values
    if not values.size:
        return values.astype(dtype)
    if dtype.hasobject or values.dtype.hasobject:
        raise ValueError(f"{name}: expected {_kind(dtype)}, received {values.dtype}")
    fits = np.can_cast(values.dtype, dtype, "same_kind") or (
        values.dtype.kind in "iu" and dtype.kind in "iu"
    )
    with np.errstate(over="ignore"):  # Infinity, which the server has a word for.
        result = values.astype(dtype) if fits else values
    if not fits or (dtype.kind in "iu" and not np.array_equal(result, values)):
        raise ValueError(f"{name}: expected {_kind(dtype)}, received {values.tolist()}")
    return result


def _kind(dtype: np.dtype) -> str:
    return "strings" if dtype.hasobject else str(dtype)
