"""Data types of TensorFlow: their NumPy dtypes, and the fields that hold values."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from serving.messages import tensor_pb2


class TensorError(ValueError):
    """A TensorProto cannot be read, or an array cannot be written."""


class TensorTooLarge(TensorError):
    """A TensorProto names far more elements than it carries."""


class DataType(NamedTuple):
    """One data type of TensorFlow that NumPy can hold."""

    number: int
    field: str
    dtype: str  # of one value, as NumPy spells it


_DATA_TYPES = [
    DataType(tensor_pb2.DT_FLOAT, "float_val", "float32"),
    DataType(tensor_pb2.DT_DOUBLE, "double_val", "float64"),
    DataType(tensor_pb2.DT_HALF, "half_val", "float16"),
    DataType(tensor_pb2.DT_INT8, "int_val", "int8"),
    DataType(tensor_pb2.DT_INT16, "int_val", "int16"),
    DataType(tensor_pb2.DT_INT32, "int_val", "int32"),
    DataType(tensor_pb2.DT_INT64, "int64_val", "int64"),
    DataType(tensor_pb2.DT_UINT8, "int_val", "uint8"),
    DataType(tensor_pb2.DT_UINT16, "int_val", "uint16"),
    DataType(tensor_pb2.DT_UINT32, "uint32_val", "uint32"),
    DataType(tensor_pb2.DT_UINT64, "uint64_val", "uint64"),
    DataType(tensor_pb2.DT_BOOL, "bool_val", "bool"),
    DataType(tensor_pb2.DT_COMPLEX64, "scomplex_val", "complex64"),
    DataType(tensor_pb2.DT_COMPLEX128, "dcomplex_val", "complex128"),
    DataType(tensor_pb2.DT_STRING, "string_val", "object"),
    DataType(tensor_pb2.DT_BFLOAT16, "half_val", "bfloat16"),
]
BY_NUMBER = {kind.number: kind for kind in _DATA_TYPES}
_BY_NAME = {kind.dtype: kind for kind in _DATA_TYPES}


@functools.cache
def dtype_of(number: int) -> np.dtype:
    """The NumPy dtype of a DataType; strings are ``object``.

    Raises:
        TensorError: NumPy has no such dtype, or it needs ml_dtypes to be installed.
    """
    if number not in BY_NUMBER:
        raise TensorError(
            "a dtype must be one that NumPy can hold. Expected: numbers, bools or "
            f"strings. Received: {dtype_name(number)}"
        )
    if number != tensor_pb2.DT_BFLOAT16:
        return np.dtype(BY_NUMBER[number].dtype)
    try:
        import ml_dtypes
    except ImportError:
        raise TensorError(
            f"{dtype_name(number)} needs the package ml_dtypes: pip install ml_dtypes"
        ) from None
    return np.dtype(ml_dtypes.bfloat16)


def dtype_name(number: int) -> str:
    """TensorFlow's name of a DataType, such as ``DT_FLOAT``."""
    try:
        return tensor_pb2.DataType.Name(number)
    except ValueError:
        return f"DataType {number}"


def dtype_named(name: str) -> np.dtype:
    """The NumPy dtype of a name such as ``DT_FLOAT``; see :func:`dtype_of`."""
    number = tensor_pb2.DataType.DESCRIPTOR.values_by_name.get(name)
    if number is None:
        raise TensorError(
            "a dtype must be one of TensorFlow's. Expected: a name such as DT_FLOAT. "
            f"Received: {name}"
        )
    return dtype_of(number.number)


@functools.lru_cache  # NumPy makes a name anew each time
def number_of(dtype: np.dtype) -> int:
    """The DataType of a NumPy dtype; ``object``, ``str`` and ``bytes`` are strings.

    Raises:
        TensorError: TensorFlow has no such dtype.
    """
    if dtype.kind in "OSU":
        return tensor_pb2.DT_STRING
    if dtype.name not in _BY_NAME:
        raise TensorError(
            "a dtype must be one of TensorFlow's. Expected: numbers, bools or strings. "
            f"Received: {dtype}"
        )
    return _BY_NAME[dtype.name].number
