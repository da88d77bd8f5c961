"""Tensors of TensorFlow's C API, to and from NumPy arrays."""

from __future__ import annotations

import ctypes
import itertools

import numpy as np

from serving.messages import tensor_pb2
from serving.server.runtime.c_api import STRING_BYTES, Deallocator
from serving.tensors.dtypes import dtype_of, number_of

_ALIGNMENT = 64  # what TensorFlow's own allocator guarantees

# Memory of string tensors that TensorFlow still refers to, by the argument handed
# to the deallocator. The graph may keep a tensor beyond the call that fed it.
_alive: dict[int, tuple[ctypes.CDLL, ctypes.Array, int, int]] = {}
_tickets = itertools.count(1)


def to_tensor(library: ctypes.CDLL, array: np.ndarray) -> int:
    """A new ``TF_Tensor*`` with a copy of the array; the caller deletes it.

    Strings are ``bytes`` in dtype ``object``.
    """
    number = number_of(array.dtype)
    dims = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
    if number == tensor_pb2.DT_STRING:
        return _to_strings(library, array, dims)
    data = np.ascontiguousarray(array)
    tensor = library.TF_AllocateTensor(number, dims, array.ndim, data.nbytes)
    if data.nbytes:
        ctypes.memmove(library.TF_TensorData(tensor), data.ctypes.data, data.nbytes)
    return tensor


def _to_strings(library: ctypes.CDLL, array: np.ndarray, dims: ctypes.Array) -> int:
    length = array.size * STRING_BYTES
    memory = ctypes.create_string_buffer(length + _ALIGNMENT)
    address = -(-ctypes.addressof(memory) // _ALIGNMENT) * _ALIGNMENT
    # Zero bytes are an empty TF_TString, so no string is ever uninitialised.
    for position, item in zip(
        range(address, address + length, STRING_BYTES), array.flat, strict=True
    ):
        library.TF_StringCopy(position, item, len(item))
    ticket = next(_tickets)
    _alive[ticket] = (library, memory, address, array.size)
    return library.TF_NewTensor(
        tensor_pb2.DT_STRING, dims, array.ndim, address, length, _release, ticket
    )


@Deallocator
def _release(data: int, length: int, ticket: int) -> None:
    library, _, address, count = _alive.pop(ticket)
    for position in range(address, address + count * STRING_BYTES, STRING_BYTES):
        library.TF_StringDealloc(position)


def to_array(library: ctypes.CDLL, tensor: int) -> np.ndarray:
    """A copy of a ``TF_Tensor*``; a TensorError if NumPy has no such dtype."""
    number = library.TF_TensorType(tensor)
    shape = tuple(
        library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))
    )
    dtype = dtype_of(number)
    address = library.TF_TensorData(tensor)
    if number == tensor_pb2.DT_STRING:
        count = int(np.prod(shape, dtype=np.int64))
        strings = np.empty(count, object)
        for index in range(count):
            position = address + index * STRING_BYTES
            strings[index] = ctypes.string_at(
                library.TF_StringGetDataPointer(position),
                library.TF_StringGetSize(position),
            )
        return strings.reshape(shape)
    size = library.TF_TensorByteSize(tensor)
    if not size:
        return np.zeros(shape, dtype)
    return np.frombuffer(ctypes.string_at(address, size), dtype).reshape(shape)
