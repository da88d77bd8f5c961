"""NumPy arrays to and from TensorProto, as TF Serving's C++ does it.

Strings are arrays of dtype ``object`` holding ``bytes``. Values are written into the
typed fields (``float_val``, ``string_val``, ...), because that is what TF Serving
sends and what much client code reads. Reading follows ``Tensor::FromProto``, which
differs from ``tf.make_ndarray``: ``tensor_content`` wins over typed fields, missing
values repeat the last one, surplus values are ignored, integers wrap.

>>> import numpy as np
>>> proto = encode(np.array([1.0, 2.0], np.float32))
>>> list(proto.float_val)
[1.0, 2.0]
>>> decode(proto)
array([1., 2.], dtype=float32)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.dtypes import (
    BY_NUMBER,
    TensorError,
    TensorTooLarge,
    dtype_of,
    number_of,
)
from serving.messages import tensor_pb2

#: Bytes that a tensor may take for elements beyond those its message carries. A 20-byte
#: message can otherwise ask for gigabytes by naming a large shape.
MAX_IMPLIED_BYTES = 64 << 20
_BYTES_OF_A_STRING = 32  # a reference here, and TensorFlow's own 24

_MAX_RANK = 64  # NumPy's
_PIECE = 1 << 16

# Key bytes of the packed fields whose wire form is the array's memory.
_PACKED = {"float_val": (b"\x2a", "<f4"), "double_val": (b"\x32", "<f8")}
_PACKED |= {"scomplex_val": (b"\x4a", "<f4"), "dcomplex_val": (b"\x62", "<f8")}


def as_bytes(value: object) -> bytes:
    """One string as UTF-8 bytes; bytes pass unchanged.

    Raises:
        TensorError: The value is no string, or a string that UTF-8 cannot express.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise TensorError(f"expected text, received {value!r}: {error}") from None
    raise TensorError(f"expected str or bytes, received {type(value).__name__}")


def as_array(value: Any) -> np.ndarray:
    """Nested sequences, scalars or arrays as an array; strings become bytes.

    NumPy's own string dtypes drop trailing NULs, hence ``object``.

    Raises:
        TensorError: The values have no common type, or are ragged.
    """
    try:
        array = value if isinstance(value, np.ndarray) else _from_sequence(value)
    except ValueError as error:
        raise TensorError(f"expected a rectangular array: {error}") from None
    if array.dtype.kind not in "OSU":
        return array
    flat = np.empty(array.size, object)
    flat[:] = [as_bytes(item) for item in array.ravel().tolist()]
    return flat.reshape(array.shape)


def _from_sequence(value: Any) -> np.ndarray:
    leaf = value
    while isinstance(leaf, list | tuple) and leaf:
        leaf = leaf[0]
    if isinstance(leaf, str | bytes):
        return np.asarray(value, object)
    array = np.asarray(value)
    return np.asarray(value, object) if array.dtype.kind in "SU" else array


def encode(value: Any) -> tensor_pb2.TensorProto:
    """An array as TensorProto, in the typed field of its dtype.

    Args:
        value: Array or whatever ``np.asarray`` takes, of any shape; strings as
            ``str`` or ``bytes``.

    Raises:
        TensorError: TensorFlow has no such dtype.
    """
    array = as_array(value)
    number = number_of(array.dtype)
    field = BY_NUMBER[number].field
    proto = tensor_pb2.TensorProto(dtype=number)  # type: ignore[arg-type]
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_shape.SetInParent()
    if not array.size:
        return proto
    if field in _PACKED:
        key, wire = _PACKED[field]
        content = np.ascontiguousarray(array).reshape(-1).view(wire[1:]).astype(wire)
        data = content.tobytes()
        proto.MergeFromString(key + _varint(len(data)) + data)
    elif field == "half_val":
        bits = np.ascontiguousarray(array).reshape(-1).view(np.uint16)
        proto.half_val.extend(bits.tolist())
    else:
        getattr(proto, field).extend(array.ravel().tolist())
    return proto


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def shape_of(shape: tensor_pb2.TensorShapeProto) -> tuple[int | None, ...] | None:
    """A shape with None for unknown dimensions; None for an unknown rank."""
    if shape.unknown_rank:
        return None
    return tuple(dim.size if dim.size >= 0 else None for dim in shape.dim)


def decode(
    proto: tensor_pb2.TensorProto, max_implied: int = MAX_IMPLIED_BYTES
) -> np.ndarray:
    """A TensorProto as a new array, with the semantics of ``Tensor::FromProto``.

    Args:
        proto: The message.
        max_implied: How many bytes of elements the shape may name beyond those carried.

    Returns:
        An array of the message's shape; strings as ``bytes`` in dtype ``object``.

    Raises:
        TensorError: The message is malformed, too large, or of a dtype that NumPy
            cannot hold.
    """
    dtype = dtype_of(proto.dtype)
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if any(size < 0 for size in shape) or len(shape) > _MAX_RANK:
        raise TensorError(f"expected a fully known shape, received {list(shape)}")
    count = math.prod(shape)
    if _partial_product(shape) >= 1 << 63:
        raise TensorError(f"shape {list(shape)} overflows")
    if not count:
        values = np.zeros(0, dtype)
    elif proto.tensor_content:
        values = _from_content(proto.tensor_content, dtype, count)
    else:
        _check_implied(proto, dtype, count, max_implied)
        values = _from_field(proto, dtype, count)
    try:
        return values.reshape(shape)
    except ValueError as error:
        raise TensorError(f"shape {list(shape)}: {error}") from None


def implied_bytes(proto: tensor_pb2.TensorProto, array: np.ndarray) -> int:
    """How much of what :func:`decode` made of a message the message did not carry."""
    if proto.tensor_content:
        return 0
    return max(0, array.size - _carried(proto, array.dtype)) * _bytes_of(array.dtype)


def _carried(proto: tensor_pb2.TensorProto, dtype: np.dtype) -> int:
    sent = getattr(proto, BY_NUMBER[proto.dtype].field)
    return len(sent) // (2 if dtype.kind == "c" else 1)


def _bytes_of(dtype: np.dtype) -> int:
    return _BYTES_OF_A_STRING if dtype.hasobject else dtype.itemsize


def _check_implied(
    proto: tensor_pb2.TensorProto, dtype: np.dtype, count: int, most: int
) -> None:
    carried = _carried(proto, dtype)
    if (count - carried) * _bytes_of(dtype) > most:
        raise TensorTooLarge(
            f"the shape names {count} elements, the message carries {carried}; "
            f"at most {most} bytes may be implied"
        )


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
            f"expected {count * dtype.itemsize} bytes of tensor_content, "
            f"received {len(content)}"
        )
    if dtype.kind == "b":
        flags = np.frombuffer(content, np.uint8)
        if flags.max(initial=0) > 1:
            raise TensorError("expected 0 or 1 for each bool in tensor_content")
        return flags.astype(bool)
    return np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype)


def _from_string_list(content: bytes, count: int) -> np.ndarray:
    """All lengths as varints, then all strings."""
    if count > len(content):
        raise TensorError(f"expected {count} strings in {len(content)} bytes")
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
    sent = getattr(proto, BY_NUMBER[proto.dtype].field)
    per_element = 2 if dtype.kind == "c" else 1
    values = _convert(sent, min(len(sent) // per_element, count) * per_element, dtype)
    if len(values) < count:
        last: Any = values[-1] if len(values) else (b"" if dtype.hasobject else 0)
        full = np.empty(count, dtype)
        full[: len(values)] = values
        full[len(values) :] = last
        return full
    return values


def _convert(sent: Any, count: int, dtype: np.dtype) -> np.ndarray:
    """The first values of a field."""
    if dtype.kind == "c":
        part = np.float32 if dtype == np.complex64 else np.float64
        return _read(sent, count, np.dtype(part)).view(dtype)
    if dtype.name in ("float16", "bfloat16"):
        return _read(sent, count, np.dtype(np.int64)).astype(np.uint16).view(dtype)
    if dtype.kind in "iu" and dtype.itemsize < 4:
        # Wraps, as C++ does.
        return _read(sent, count, np.dtype(np.int64)).astype(dtype)
    return _read(sent, count, dtype)


def _read(sent: Any, count: int, dtype: np.dtype) -> np.ndarray:
    """Piece by piece: lists of numbers are large, and lock out other threads."""
    values = np.empty(count, dtype)
    for start in range(0, count, _PIECE):
        stop = min(start + _PIECE, count)
        values[start:stop] = sent[start:stop]
    return values
