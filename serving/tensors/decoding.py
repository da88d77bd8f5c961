"""TensorProto to NumPy arrays, as TF Serving's C++ reads it.

``Tensor::FromProto`` differs from ``tf.make_ndarray``: ``tensor_content`` wins over
typed fields, missing values repeat the last one, surplus values are ignored, integers
wrap. Strings are arrays of dtype ``object`` holding ``bytes``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.messages import tensor_pb2
from serving.tensors.dtypes import BY_NUMBER, TensorError, TensorTooLarge, dtype_of

#: Bytes that tensors may take for elements beyond those their message carries. A
#: message of 20 bytes can otherwise ask for gigabytes by naming a large shape.
MAX_IMPLIED_BYTES = 64 << 20

_BYTES_OF_A_STRING = 32  # a reference here, and TensorFlow's own 24
_MAX_RANK = 64  # NumPy's
# Values that are Python's at once: lists of them are large, and lock out other threads.
_PIECE = 1 << 16


class Allowance:
    """What the tensors of one message may take in memory, all together.

    Args:
        total: Bytes, 32 for each string.
        implied: Bytes of elements beyond those that the message carries.
    """

    def __init__(self, total: float = math.inf, implied: int = MAX_IMPLIED_BYTES):
        self._limit, self._left = total, total
        self._implied_limit, self._implied_left = implied, implied

    def take(self, count: int, carried: int, dtype: np.dtype) -> None:
        """Takes from it what a tensor needs.

        Raises:
            TensorTooLarge: There is not so much left.
        """
        each = _BYTES_OF_A_STRING if dtype.hasobject else dtype.itemsize
        self._implied_left -= max(0, count - carried) * each
        if self._implied_left < 0:
            raise TensorTooLarge(
                f"the shape names {count} elements, the message carries {carried}; "
                f"at most {self._implied_limit} bytes may be implied"
            )
        self._left -= count * each
        if self._left < 0:
            raise TensorTooLarge(
                f"{count} elements take {count * each} bytes; the tensors of a request "
                f"may take {self._limit} in all"
            )


def shape_of(shape: tensor_pb2.TensorShapeProto) -> tuple[int | None, ...] | None:
    """A shape with None for unknown dimensions; None for an unknown rank."""
    if shape.unknown_rank:
        return None
    return tuple(dim.size if dim.size >= 0 else None for dim in shape.dim)


def decode(
    proto: tensor_pb2.TensorProto, allowance: Allowance | None = None
) -> np.ndarray:
    """A TensorProto as a new array, with the semantics of ``Tensor::FromProto``.

    Args:
        proto: The message.
        allowance: What is left of the memory that it may take.

    Returns:
        An array of the message's shape; strings as ``bytes`` in dtype ``object``.

    Raises:
        TensorError: The message is malformed, too large, or of a dtype that NumPy
            cannot hold.
    """
    dtype = dtype_of(proto.dtype)
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if any(size < 0 for size in shape) or len(shape) > _MAX_RANK:
        raise TensorError(
            f"a shape must be fully known. Expected: at most {_MAX_RANK} sizes of 0 or "
            f"more. Received: {list(shape)}"
        )
    count = math.prod(shape)
    if _partial_product(shape) >= 1 << 63:
        raise TensorError(f"shape {list(shape)} overflows")
    if not count:
        values = np.zeros(0, dtype)
    else:
        carried = count if proto.tensor_content else _carried(proto, dtype)
        (allowance or Allowance()).take(count, carried, dtype)
        if proto.tensor_content:
            values = _from_content(proto.tensor_content, dtype, count)
        else:
            values = _from_field(proto, dtype, count)
    try:
        return values.reshape(shape)
    except ValueError as error:
        raise TensorError(f"shape {list(shape)}: {error}") from None


def _carried(proto: tensor_pb2.TensorProto, dtype: np.dtype) -> int:
    sent = getattr(proto, BY_NUMBER[proto.dtype].field)
    return len(sent) // (2 if dtype.kind == "c" else 1)


def _partial_product(shape: Sequence[int]) -> int:
    """What TensorFlow compares with the range of int64: zeros absorb what follows."""
    largest = product = 1
    for size in shape:
        product *= size
        largest = max(largest, product)
    return largest


def _from_content(content: bytes, dtype: np.dtype, count: int) -> np.ndarray:
    if dtype.hasobject:
        return _from_string_list(content, count)
    if len(content) != count * dtype.itemsize:
        raise TensorError(
            "`tensor_content` must hold all values. "
            f"Expected: {count * dtype.itemsize} bytes. Received: {len(content)}"
        )
    if dtype.kind == "b":
        flags = np.frombuffer(content, np.uint8)
        if flags.max(initial=0) > 1:
            raise TensorError(
                "`tensor_content` must hold bools. Expected: 0 or 1 for each. "
                f"Received: {flags.max()}"
            )
        return flags.astype(bool)
    return np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype)


def _from_string_list(content: bytes, count: int) -> np.ndarray:
    """All lengths as varints, then all strings."""
    if count > len(content):
        raise TensorError(
            f"`tensor_content` must hold {count} strings. "
            f"Expected: a byte or more for each. Received: {len(content)} bytes"
        )
    lengths, position = [], 0
    for _ in range(count):
        length = shift = 0
        while True:
            if position >= len(content) or shift > 28:
                raise TensorError("tensor_content holds no list of strings")
            byte = content[position]
            position += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        lengths.append(length & 0xFFFFFFFF)
    if sum(lengths) != len(content) - position:
        raise TensorError("tensor_content holds no list of strings")
    values = np.empty(count, object)
    for index, length in enumerate(lengths):
        values[index] = content[position : position + length]
        position += length
    return values


def _from_field(
    proto: tensor_pb2.TensorProto, dtype: np.dtype, count: int
) -> np.ndarray:
    field = BY_NUMBER[proto.dtype].field
    sent = getattr(proto, field)
    read, each = dtype, 1
    if dtype.kind == "c":
        read, each = np.dtype(f"f{dtype.itemsize // 2}"), 2
    elif dtype.itemsize < 4 and dtype.kind != "b":
        read = np.dtype(np.int64)  # numbers and halves that wrap, as in C++
    values = np.empty(min(len(sent) // each, count) * each, read)
    for start in range(0, len(values), _PIECE):
        stop = min(start + _PIECE, len(values))
        values[start:stop] = sent[start:stop]
    if field == "half_val":
        values = values.astype(np.uint16).view(dtype)
    values = values.view(dtype) if each == 2 else values.astype(dtype, copy=False)
    if len(values) < count:
        last: Any = values[-1] if len(values) else (b"" if dtype.hasobject else 0)
        full = np.empty(count, dtype)
        full[: len(values)] = values
        full[len(values) :] = last
        return full
    return values
