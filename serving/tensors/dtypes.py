"""Which TensorFlow data type is which NumPy dtype, and where its values are kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from serving.messages import tensor_pb2


class TensorError(ValueError):
    """A TensorProto cannot be read, or an array cannot be written."""


class TensorTooLarge(TensorError):
    """A TensorProto names far more elements than it carries."""


class Code(NamedTuple):
    """One data type that NumPy can hold."""

    number: int
    field: str
    dtype: str  # of one value, as NumPy spells it
    module: str = "numpy"


CODES = [
    Code(tensor_pb2.DT_FLOAT, "float_val", "float32"),
    Code(tensor_pb2.DT_DOUBLE, "double_val", "float64"),
    Code(tensor_pb2.DT_HALF, "half_val", "float16"),
    Code(tensor_pb2.DT_INT8, "int_val", "int8"),
    Code(tensor_pb2.DT_INT16, "int_val", "int16"),
    Code(tensor_pb2.DT_INT32, "int_val", "int32"),
    Code(tensor_pb2.DT_INT64, "int64_val", "int64"),
    Code(tensor_pb2.DT_UINT8, "int_val", "uint8"),
    Code(tensor_pb2.DT_UINT16, "int_val", "uint16"),
    Code(tensor_pb2.DT_UINT32, "uint32_val", "uint32"),
    Code(tensor_pb2.DT_UINT64, "uint64_val", "uint64"),
    Code(tensor_pb2.DT_BOOL, "bool_val", "bool"),
    Code(tensor_pb2.DT_COMPLEX64, "scomplex_val", "complex64"),
    Code(tensor_pb2.DT_COMPLEX128, "dcomplex_val", "complex128"),
    Code(tensor_pb2.DT_STRING, "string_val", "object"),
    Code(tensor_pb2.DT_BFLOAT16, "half_val", "bfloat16", "ml_dtypes"),
]
BY_NUMBER = {code.number: code for code in CODES}
BY_NAME = {code.dtype: code for code in CODES}


def dtype_of(number: int) -> np.dtype:
    """The NumPy dtype of a DataType; strings are ``object``.

    Raises:
        TensorError: NumPy has no such dtype, or it needs ml_dtypes to be installed.
    """
    code = BY_NUMBER.get(number)
    if code is None:
        raise TensorError(
            f"expected a dtype that NumPy can hold, received {dtype_name(number)}"
        )
    if code.module == "numpy":
        return np.dtype(code.dtype)
    try:
        import ml_dtypes
    except ImportError:
        raise TensorError(
            f"{dtype_name(number)} needs the package ml_dtypes: pip install ml_dtypes"
        ) from None
    return np.dtype(getattr(ml_dtypes, code.dtype))


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
        raise TensorError(f"expected a dtype of TensorFlow, received {name}")
    return dtype_of(number.number)


def number_of(dtype: np.dtype) -> int:
    """The DataType of a NumPy dtype; ``object``, ``str`` and ``bytes`` are strings.

    Raises:
        TensorError: TensorFlow has no such dtype.
    """
    if dtype.kind in "OSU":
        return tensor_pb2.DT_STRING
    code = BY_NAME.get(dtype.name)
    if code is None:
        raise TensorError(f"expected a dtype of TensorFlow, received {dtype}")
    return code.number
