"""Outputs as JSON text, number by number as TF Serving writes them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from serving.messages import inference_pb2, predict_pb2, tensor_pb2
from serving.server.refusal import invalid
from serving.server.rest.json_tensors import dtype_string
from serving.tensors.decoding import decode
from serving.tensors.dtypes import number_of

_UNWRITABLE = {
    tensor_pb2.DT_UINT16,
    tensor_pb2.DT_HALF,
    tensor_pb2.DT_BFLOAT16,
    tensor_pb2.DT_COMPLEX64,
    tensor_pb2.DT_COMPLEX128,
}


def rows(response: predict_pb2.PredictResponse) -> str:
    """The answer in row format; a Refusal if outputs differ in their batch size."""
    batch, arrays = None, _arrays(response)
    for name, array in arrays.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch not in (None, len(array)):
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} "
                f"expecting: {batch}"
            )
        batch = len(array)
    columns = {name: _write(name, array, 1) for name, array in arrays.items()}
    rows = zip(*columns.values(), strict=True)
    return _results("predictions", (_joined(columns, values) for values in rows))


def columns(response: predict_pb2.PredictResponse) -> str:
    """The answer in columnar format."""
    arrays = _arrays(response)
    values = [_write(name, array, 0)[0] for name, array in arrays.items()]
    return _document("outputs", _joined(arrays, values))


def _arrays(response: predict_pb2.PredictResponse) -> dict[str, np.ndarray]:
    if not response.outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    return {name: decode(response.outputs[name]) for name in sorted(response.outputs)}


def classifications(response: inference_pb2.ClassificationResponse) -> str:
    """The answer to a classify request."""
    result = response.result
    if not result.classifications:
        raise invalid("Cannot convert empty ClassificationResults to JSON")
    items = []
    for row in result.classifications:
        scores = decimals(np.array([item.score for item in row.classes], np.float32))
        labels = [_quoted(item.label) for item in row.classes]
        pairs = (f"[{a}, {b}]" for a, b in zip(labels, scores, strict=True))
        items.append(f"[{', '.join(pairs)}]")
    return _results("results", items)


def regressions(response: inference_pb2.RegressionResponse) -> str:
    """The answer to a regress request."""
    result = response.result
    if not result.regressions:
        raise invalid("Cannot convert empty RegressionResults to JSON")
    values = np.array([item.value for item in result.regressions], np.float32)
    return _results("results", decimals(values))


def error(message: str) -> str:
    """The body of a refusal."""
    return _document("error", _quoted(message))


def decimals(values: np.ndarray) -> list[str]:
    """Six digits where they say it all, otherwise enough to read the value back.

    >>> decimals(np.array([1, 0.1, 1 / 3, 1e-7, np.nan, -np.inf], np.float32))
    ['1.0', '0.1', '0.333333343', '1e-07', 'NaN', '-Infinity']
    """
    numbers = values.tolist()
    short = [f"{number:g}" for number in numbers]
    with np.errstate(over="ignore"):
        same = np.array(short, np.float64).astype(values.dtype) == values
    digits = ".9g" if values.dtype == np.float32 else ".17g"
    texts = []
    for number, text, exact in zip(numbers, short, same.tolist(), strict=True):
        if not exact:
            if math.isnan(number):
                texts.append("NaN")
                continue
            text = format(number, digits)
        if math.isinf(number):
            text = "Infinity" if number > 0 else "-Infinity"
        elif "." not in text and "e" not in text:
            text += ".0"
        texts.append(text)
    return texts


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _joined(names: Collection[str], values: Sequence[str]) -> str:
    """An object of values that are JSON already; of one value that alone."""
    if len(names) == 1:
        return values[0]
    members = (f"{_quoted(n)}: {v}" for n, v in zip(names, values, strict=True))
    return f"{{{', '.join(members)}}}"


def _results(key: str, items: Iterable[str]) -> str:
    return _document(key, f"[{', '.join(items)}]")


def _document(key: str, value: str) -> str:
    return f'{{\n    "{key}": {value}\n}}'


def _write(name: str, array: np.ndarray, outer: int) -> list[str]:
    """Texts of an array's items: of the whole (0 outer dimensions) or of each row."""
    number = number_of(array.dtype)
    if number in _UNWRITABLE:
        raise invalid(
            f"Failed to write JSON value for tensor type: {dtype_string(number)}"
        )
    texts = _texts(name, array.ravel())
    count = array.size
    for dimension in reversed(range(outer, array.ndim)):
        size = array.shape[dimension]
        count = math.prod(array.shape[:dimension])
        starts = range(0, count * size, size) if size else [0] * count
        texts = [f"[{', '.join(texts[at : at + size])}]" for at in starts]
    return texts


def _texts(name: str, flat: np.ndarray) -> list[str]:
    if flat.dtype.kind == "f":
        return decimals(flat)
    if flat.dtype.kind == "b":
        return ["true" if item else "false" for item in flat.tolist()]
    if flat.dtype.kind != "O":
        return list(map(str, flat.tolist()))
    if name.endswith("_bytes"):
        encoded = (base64.b64encode(item).decode() for item in flat)
        return [f'{{"b64": "{text}"}}' for text in encoded]
    # TF Serving writes any bytes; a reader of JSON would then fail on the whole.
    return [_quoted(item.decode("utf-8", "replace")) for item in flat]
