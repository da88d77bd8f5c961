"""C API of TensorFlow: the part that is used, with its types."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p

#: ``void (*)(void* data, size_t length, void* argument)``
Deallocator = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_void_p)

#: Bytes of one ``TF_TString``.
STRING_BYTES = 24


class Output(ctypes.Structure):
    """One output of an operation: where values are fed or fetched."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


class Buffer(ctypes.Structure):
    """Bytes that TensorFlow owns."""

    _fields_ = [("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p)]


_HANDLE = c_void_p
_INT64S = POINTER(c_int64)
_PROTOTYPES: dict[str, tuple[object, list[object]]] = {
    "TF_NewStatus": (_HANDLE, []),
    "TF_DeleteStatus": (None, [_HANDLE]),
    "TF_GetCode": (c_int, [_HANDLE]),
    "TF_Message": (c_char_p, [_HANDLE]),
    "TF_NewBuffer": (POINTER(Buffer), []),
    "TF_NewBufferFromString": (POINTER(Buffer), [c_char_p, c_size_t]),
    "TF_DeleteBuffer": (None, [POINTER(Buffer)]),
    "TF_LoadLibrary": (_HANDLE, [c_char_p, _HANDLE]),
    "TF_NewSessionOptions": (_HANDLE, []),
    "TF_SetConfig": (None, [_HANDLE, c_char_p, c_size_t, _HANDLE]),
    "TF_DeleteSessionOptions": (None, [_HANDLE]),
    "TF_NewGraph": (_HANDLE, []),
    "TF_DeleteGraph": (None, [_HANDLE]),
    "TF_GraphOperationByName": (_HANDLE, [_HANDLE, c_char_p]),
    "TF_OperationNumOutputs": (c_int, [_HANDLE]),
    "TF_LoadSessionFromSavedModel": (
        _HANDLE,
        [
            _HANDLE,
            POINTER(Buffer),
            c_char_p,
            POINTER(c_char_p),
            c_int,
            _HANDLE,
            POINTER(Buffer),
            _HANDLE,
        ],
    ),
    "TF_SessionRun": (
        None,
        [
            _HANDLE,
            POINTER(Buffer),
            POINTER(Output),
            POINTER(_HANDLE),
            c_int,
            POINTER(Output),
            POINTER(_HANDLE),
            c_int,
            POINTER(_HANDLE),
            c_int,
            POINTER(Buffer),
            _HANDLE,
        ],
    ),
    "TF_CloseSession": (None, [_HANDLE, _HANDLE]),
    "TF_DeleteSession": (None, [_HANDLE, _HANDLE]),
    "TF_NewTensor": (
        _HANDLE,
        [c_int, _INT64S, c_int, c_void_p, c_size_t, Deallocator, c_void_p],
    ),
    "TF_AllocateTensor": (_HANDLE, [c_int, _INT64S, c_int, c_size_t]),
    "TF_DeleteTensor": (None, [_HANDLE]),
    "TF_TensorType": (c_int, [_HANDLE]),
    "TF_NumDims": (c_int, [_HANDLE]),
    "TF_Dim": (c_int64, [_HANDLE, c_int]),
    "TF_TensorData": (c_void_p, [_HANDLE]),
    "TF_TensorByteSize": (c_size_t, [_HANDLE]),
    "TF_StringInit": (None, [c_void_p]),
    "TF_StringCopy": (None, [c_void_p, c_char_p, c_size_t]),
    "TF_StringGetDataPointer": (c_void_p, [c_void_p]),
    "TF_StringGetSize": (c_size_t, [c_void_p]),
    "TF_StringDealloc": (None, [c_void_p]),
}


# These take no longer than it takes to let another thread run Python meanwhile, which
# may then keep this one waiting; some are called for every string of a batch.
_BRIEF = frozenset(
    "TF_NewStatus TF_DeleteStatus TF_GetCode TF_Message TF_NewBufferFromString "
    "TF_DeleteBuffer TF_NewTensor TF_TensorType TF_NumDims TF_Dim TF_TensorData "
    "TF_TensorByteSize TF_StringCopy TF_StringGetDataPointer TF_StringGetSize "
    "TF_StringDealloc".split()
)


def load(path: str) -> ctypes.CDLL:
    """The library, its functions with their types.

    Other threads run Python during calls of those that may take long, and only then.

    Args:
        path: Its file.

    Raises:
        OSError: It cannot be loaded.
        AttributeError: It lacks one of the functions.
    """
    library, brief = ctypes.CDLL(path), ctypes.PyDLL(path)
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(brief if name in _BRIEF else library, name)
        function.restype = result
        function.argtypes = arguments
        setattr(library, name, function)
    return library
