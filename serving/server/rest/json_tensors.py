"""Tensors of JSON values."""

from __future__ import annotations

import base64
import math
from typing import Any

import grpc

from serving.messages import tensor_pb2
from serving.server.refusal import Refusal, invalid
from serving.server.rest.json_parsing import quote, type_name
from serving.tensors.dtypes import BY_NUMBER

MAX_RANK = 64  # NumPy's


def dtype_string(number: int) -> str:
    """TensorFlow's short name of a DataType.

    >>> dtype_string(tensor_pb2.DT_FLOAT)
    'float'
    """
    return tensor_pb2.DataType.Name(number).removeprefix("DT_").lower()


def tensor(value: Any, dtype: int) -> tensor_pb2.TensorProto:
    """A value as tensor, its lists as dimensions."""
    return assemble(dtype, *fill(value, dtype))


def assemble(dtype: int, shape: list[int], flat: list) -> tensor_pb2.TensorProto:
    """A tensor of values that :func:`fill` has gathered."""
    proto = tensor_pb2.TensorProto(dtype=dtype)  # type: ignore[arg-type]
    proto.tensor_shape.SetInParent()
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    if flat:
        getattr(proto, BY_NUMBER[dtype].field).extend(flat)
    return proto


def fill(value: Any, dtype: int) -> tuple[list[int], list]:
    """Shape, by the first item of each level, and flat values of a nested list."""
    shape: list[int] = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        if len(shape) > MAX_RANK:
            raise invalid(f"Expected: at most {MAX_RANK} nested lists. Received: more")
        first = first[0] if first else None
    flat: list = []
    _fill(value, 0, dtype, shape, flat)
    return shape, flat


def is_base64(value: Any) -> bool:
    """Whether a value is ``{"b64": "..."}``."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(value.get("b64"), str)
    )


def from_base64(value: dict[str, str]) -> bytes:
    """The bytes of a ``{"b64": "..."}``; padding may be missing."""
    text = "".join(value["b64"].split())
    stripped = text.rstrip("=")
    padding = "=" * (-len(stripped) % 4)
    try:
        if len(text) - len(stripped) > 2:
            raise ValueError("more padding than anybody needs")
        return base64.b64decode(stripped + padding, validate=True)
    except ValueError:
        raise invalid("Unable to base64 decode") from None


def _fill(value: Any, level: int, dtype: int, shape: list[int], flat: list) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise invalid(
                f"JSON Value: {quote(value)} found at incorrect level: {level + 1} in "
                f"the JSON DOM. Expected at level: {rank}"
            )
        flat.append(_leaf(value, dtype))
        return
    if level >= rank:
        raise invalid(
            f"Encountered list at unexpected level: {level} expected < {rank}"
        )
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    if level == rank - 1 and _extend(value, dtype, flat):
        return
    for item in value:
        _fill(item, level + 1, dtype, shape, flat)


def _extend(values: list, dtype: int, flat: list) -> bool:
    """Takes a whole row at once, if nothing about it needs a closer look."""
    kinds, is_plain = set(map(type, values)), False
    if kinds == {str} and dtype == tensor_pb2.DT_STRING:
        values, is_plain = [item.encode("utf-8") for item in values], True
    elif kinds == {float} and dtype == tensor_pb2.DT_FLOAT:
        is_plain = all(map(_fits, values))
    elif kinds == {float}:
        is_plain = dtype == tensor_pb2.DT_DOUBLE
    elif kinds == {int} and dtype in RANGES:
        low, high = RANGES[dtype]
        is_plain = low <= min(values) and max(values) <= high
    if is_plain:
        flat.extend(values)
    return is_plain


def _leaf(value: Any, dtype: int) -> Any:
    """One value as its TensorProto field takes it."""
    if isinstance(value, dict) and dtype == tensor_pb2.DT_STRING:
        if not is_base64(value):
            raise invalid(
                f"JSON Value: {quote(value)} not formatted correctly for base64 data"
            )
        return from_base64(value)
    if isinstance(value, str) and dtype == tensor_pb2.DT_STRING:
        return value.encode("utf-8")
    if isinstance(value, bool) and dtype == tensor_pb2.DT_BOOL:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if dtype in _DECIMALS:
            return _decimal(value, dtype)
        if isinstance(value, int) and dtype in RANGES:
            low, high = RANGES[dtype]
            if low <= value <= high:
                return value
    if isinstance(value, dict) or dtype in _CONVERTED:
        raise invalid(
            f"JSON Value: {quote(value)} Type: {type_name(value)} is not of expected "
            f"type: {dtype_string(dtype)}"
        )
    raise Refusal(
        grpc.StatusCode.UNIMPLEMENTED,
        f"Conversion of JSON Value: {quote(value)} to type: {dtype_string(dtype)}",
    )


def _decimal(value: int | float, dtype: int) -> float:
    if not lossless(value, dtype):
        raise invalid(
            f"Cannot convert JSON value: {quote(value)} to {dtype_string(dtype)} "
            "without loss of precision."
        )
    return float(value)


def lossless(value: int | float, dtype: int) -> bool:
    """TF Serving's idea of it: integers by their bits, decimals by their range."""
    if isinstance(value, int):
        bits = 24 if dtype == tensor_pb2.DT_FLOAT else 53
        return abs(value) <= (1 << bits) - 1
    return dtype == tensor_pb2.DT_DOUBLE or _fits(value)


def _fits(value: float) -> bool:
    return -_FLOAT_MAX <= value <= _FLOAT_MAX or not math.isfinite(value)


_FLOAT_MAX = 3.4028234663852886e38
_INT32 = (-(1 << 31), (1 << 31) - 1)
#: Which JSON integers a type takes. Small ones wrap, as in TF Serving.
RANGES: dict[int, tuple[int, int]] = {
    tensor_pb2.DT_INT32: _INT32,
    tensor_pb2.DT_INT16: _INT32,
    tensor_pb2.DT_INT8: _INT32,
    tensor_pb2.DT_UINT8: _INT32,
    tensor_pb2.DT_INT64: (-(1 << 63), (1 << 63) - 1),
    tensor_pb2.DT_UINT32: (0, (1 << 32) - 1),
    tensor_pb2.DT_UINT64: (0, (1 << 64) - 1),
}
_DECIMALS = {tensor_pb2.DT_FLOAT, tensor_pb2.DT_DOUBLE}
_CONVERTED = {tensor_pb2.DT_STRING, tensor_pb2.DT_BOOL, *_DECIMALS, *RANGES}
