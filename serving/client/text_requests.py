"""Requests to exported models: texts and options as tensors, by the signature contract.

Every tensor starts with the batch, B texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.client.signature_contract import TEXT_INPUT
from serving.client.values import Inputs, Signature, Texts
from serving.tensors.dtypes import TensorError, dtype_named
from serving.tensors.encoding import as_array, as_bytes


def text_input(texts: Texts, name: str = "texts") -> np.ndarray:
    """Texts as a string tensor ``[B]``.

    Raises:
        TypeError: A single string, or an element that is none.
        ValueError: A text that UTF-8 cannot express.
    """
    if isinstance(texts, str | bytes):
        raise TypeError(
            f"`{name}` must be a list of strings. Expected: [text]. "
            f"Received: a single {type(texts).__name__}"
        )
    rows = list(texts)
    array = np.empty(len(rows), object)
    for index, text in enumerate(rows):
        if not isinstance(text, str | bytes):
            raise TypeError(
                f"`{name}[{index}]` must be text. Expected: str or bytes. "
                f"Received: {type(text).__name__}"
            )
        try:
            array[index] = as_bytes(text)
        except TensorError as error:
            raise ValueError(f"`{name}[{index}]`: {error}") from None
    return array


def text_inputs(texts: Inputs) -> dict[str, np.ndarray]:
    """Texts as string tensors ``[B]`` by the names of the model's inputs.

    Raises:
        TypeError, ValueError: As :func:`text_input`; or not as many of each input.
    """
    if not isinstance(texts, Mapping):
        return {TEXT_INPUT: text_input(texts)}
    found = {name: text_input(rows, f"texts[{name!r}]") for name, rows in texts.items()}
    counts = {name: len(rows) for name, rows in found.items()}
    if len({*counts.values()}) != 1:
        raise ValueError(
            "`texts` must hold as many texts of each input, and an input at least. "
            f"Received: {counts}"
        )
    return found


def option_inputs(
    options: Mapping[str, Any], signature: Signature, texts: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Options, each a scalar or B values, as one tensor ``[B]`` each with defaults.

    What has neither a value nor a known default is left out: a server may have one and
    not say so.

    Raises:
        ValueError: An unknown option, or values of the wrong number or kind.
    """
    batch = len(next(iter(texts.values())))
    names = [name for name in signature.inputs if name not in texts]
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise ValueError(
            "`options` must be among those of the model. "
            f"Expected: any of {sorted(names)}. Received: {unknown}"
        )
    tensors = {}
    for name in names:
        label = f"options[{name!r}]"
        if name in options:
            values = as_array(options[name])
        elif name in signature.defaults:
            values = signature.defaults[name]
            values = values.reshape(()) if values.size == 1 else values
        else:
            continue
        values = cast_input(label, values, signature, name)
        if values.shape not in ((), (batch,)):
            raise ValueError(
                f"`{label}` must be one value for all texts or one a text. "
                f"Expected: a scalar or {batch} values. "
                f"Received: shape {list(values.shape)}"
            )
        tensors[name] = np.full(batch, values, values.dtype)
    return tensors


def cast_input(
    label: str, values: np.ndarray, signature: Signature, name: str
) -> np.ndarray:
    """Values in the dtype of an input, where that loses nothing but float precision.

    Raises:
        ValueError: The kinds do not match, or an integer does not fit.
    """
    dtype = dtype_named(signature.inputs[name].dtype)
    if values.dtype == dtype:
        return values
    if not values.size:
        return values.astype(dtype)
    strings = dtype.hasobject or values.dtype.hasobject
    fits = not strings and (
        np.can_cast(values.dtype, dtype, "same_kind")
        or (values.dtype.kind in "iu" and dtype.kind in "iu")
    )
    with np.errstate(over="ignore"):  # Infinity, which the server has a word for.
        result = values.astype(dtype) if fits else values
    if not fits or (dtype.kind in "iu" and not np.array_equal(result, values)):
        expected = "strings" if dtype.hasobject else dtype
        received = values.dtype if strings else values.tolist()
        raise ValueError(
            f"`{label}` must have the dtype of the model's input. "
            f"Expected: {expected}. Received: {received}"
        )
    return result
