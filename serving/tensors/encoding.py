"""NumPy arrays to TensorProto, as TF Serving's C++ writes it.

Strings are arrays of dtype ``object`` holding ``bytes``. Values are written into the
typed fields (``float_val``, ``string_val``, ...), because that is what TF Serving
sends and what much client code reads.

>>> import numpy as np
>>> proto = encode(np.array([1.0, 2.0], np.float32))
>>> list(proto.float_val)
[1.0, 2.0]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from serving.messages import tensor_pb2
from serving.tensors.dtypes import BY_NUMBER, TensorError, number_of

# Values that become Python's at once: lists of them are large.
_PIECE = 1 << 16
# Key bytes of the packed fields whose wire form is the array's memory.
_PACKED = {"float_val": (b"\x2a", "<f4"), "double_val": (b"\x32", "<f8")}
_PACKED |= {"scomplex_val": (b"\x4a", "<c8"), "dcomplex_val": (b"\x62", "<c16")}


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
            raise TensorError(f"{value!r} has no form in UTF-8: {error}") from None
    raise TensorError(
        "a string must be text. Expected: str or bytes. "
        f"Received: {type(value).__name__}"
    )


def as_array(value: Any) -> np.ndarray:
    """Nested sequences, scalars or arrays as an array; strings become bytes.

    NumPy's own string dtypes drop trailing NULs, hence ``object``.

    Raises:
        TensorError: The values have no common type, or are ragged.
    """
    try:
        array = value if isinstance(value, np.ndarray) else _from_sequence(value)
    except ValueError as error:
        raise TensorError(f"an array must be rectangular: {error}") from None
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


def encode(
    value: Any, into: tensor_pb2.TensorProto | None = None
) -> tensor_pb2.TensorProto:
    """An array as TensorProto, in the typed field of its dtype.

    Args:
        value: Array or whatever ``np.asarray`` takes, of any shape; strings as
            ``str`` or ``bytes``.
        into: An empty message to write into, and to return.

    Raises:
        TensorError: TensorFlow has no such dtype.
    """
    array = value if isinstance(value, np.ndarray) else as_array(value)
    number = number_of(array.dtype)
    field = BY_NUMBER[number].field
    proto = tensor_pb2.TensorProto() if into is None else into
    proto.dtype = number  # type: ignore[assignment]
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_shape.SetInParent()
    if not array.size:
        return proto
    if field in _PACKED:
        key, wire = _PACKED[field]
        data = array.astype(wire, copy=False).tobytes()
        proto.MergeFromString(key + _varint(len(data)) + data)
        return proto
    flat = np.ravel(array)
    if number == tensor_pb2.DT_STRING:
        proto.string_val.extend([as_bytes(item) for item in flat.tolist()])
        return proto
    if field == "half_val":
        flat = flat.view(np.dtype("u2").newbyteorder(array.dtype.byteorder))
    for start in range(0, flat.size, _PIECE):
        getattr(proto, field).extend(flat[start : start + _PIECE].tolist())
    return proto


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
