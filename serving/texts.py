"""The agreement with exported models: what is sent for texts, what is read back.

Every tensor starts with the batch. Letters: B texts, T target and S source tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from serving.dtypes import TensorError
from serving.errors import UnexpectedResponse
from serving.tensors import as_array, as_bytes
from serving.values import Prediction, Signature

TEXT_INPUT = "text"


def text_input(texts: Iterable[str | bytes]) -> np.ndarray:
    """Texts as a string tensor ``[B]``.

    Raises:
        TypeError: A single string, or an element that is none.
        ValueError: A text that UTF-8 cannot express.
    """
    if isinstance(texts, str | bytes):
        raise TypeError(
            "texts: expected a list of strings, received a single "
            f"{type(texts).__name__}; write [text]"
        )
    rows = list(texts)
    array = np.empty(len(rows), object)
    for index, text in enumerate(rows):
        if not isinstance(text, str | bytes):
            raise TypeError(
                f"texts[{index}]: expected str or bytes, received {type(text).__name__}"
            )
        try:
            array[index] = as_bytes(text)
        except TensorError as error:
            raise ValueError(f"texts[{index}]: {error}") from None
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
    result = values.astype(dtype) if fits else values
    if not fits or (dtype.kind in "iu" and not np.array_equal(result, values)):
        raise ValueError(f"{name}: expected {_kind(dtype)}, received {values.tolist()}")
    return result


def _kind(dtype: np.dtype) -> str:
    return "strings" if dtype.hasobject else str(dtype)


def read_predictions(
    outputs: Mapping[str, np.ndarray], batch: int
) -> list[Prediction]:
    """Texts and log-probabilities, from ``serving_default``.

    Raises:
        UnexpectedResponse: An output is missing or has another shape or dtype.
    """
    texts = _strings(_output(outputs, "text", (batch,), "O"))
    log_probs = _output(outputs, "log_prob", (batch,), "f").tolist()
    return [Prediction(*row) for row in zip(texts, log_probs, strict=True)]


def read_alignments(outputs: Mapping[str, np.ndarray], batch: int) -> list[Prediction]:
    """Texts with their tokens and attention weights, from ``align``.

    Padding is cut off: T and S of each row are what ``length`` and
    ``source_length`` say.

    Raises:
        UnexpectedResponse: An output is missing or has another shape or dtype.
    """
    weights = _output(outputs, "alignment", (batch, None, None), "f")
    t, s = weights.shape[1:]
    tokens = _output(outputs, "tokens", (batch, t), "O")
    sources = _output(outputs, "source_tokens", (batch, s), "O")
    starts = _output(outputs, "source_start", (batch, s), "iu")
    ends = _output(outputs, "source_end", (batch, s), "iu")
    lengths = _lengths(outputs, "length", batch, t)
    source_lengths = _lengths(outputs, "source_length", batch, s)
    plain = read_predictions(outputs, batch)
    return [
        Prediction(
            text=row.text,
            log_prob=row.log_prob,
            tokens=_strings(tokens[i, :t]),
            source_tokens=_strings(sources[i, :s]),
            source_offsets=list(
                zip(starts[i, :s].tolist(), ends[i, :s].tolist(), strict=True)
            ),
            alignment=weights[i, :t, :s],
        )
        for i, (row, t, s) in enumerate(
            zip(plain, lengths, source_lengths, strict=True)
        )
    ]


def _lengths(
    outputs: Mapping[str, np.ndarray], name: str, batch: int, longest: int
) -> list[int]:
    lengths = _output(outputs, name, (batch,), "iu").tolist()
    if any(not 0 <= length <= longest for length in lengths):
        raise UnexpectedResponse(
            f"output {name}: expected lengths from 0 to {longest}, received {lengths}"
        )
    return lengths


def _output(
    outputs: Mapping[str, np.ndarray],
    name: str,
    shape: tuple[int | None, ...],
    kinds: str,
) -> np.ndarray:
    if name not in outputs:
        raise UnexpectedResponse(
            f"expected an output {name}, received {sorted(outputs)}; was the model "
            "exported by keras_attention? Use call() for others"
        )
    array = outputs[name]
    fits = array.ndim == len(shape) and all(
        want is None or want == got
        for want, got in zip(shape, array.shape, strict=True)
    )
    # bfloat16 is no NumPy kind of its own ("V"), yet a float to the caller.
    kind = "f" if array.dtype.name == "bfloat16" else array.dtype.kind
    if not fits or kind not in kinds:
        wanted = ["?" if size is None else size for size in shape]
        raise UnexpectedResponse(
            f"output {name}: expected shape {wanted}, received {array.dtype} "
            f"{list(array.shape)}"
        )
    return array


def _strings(row: np.ndarray) -> list[str]:
    return [item.decode("utf-8", "replace") for item in row.tolist()]
