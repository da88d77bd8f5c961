"""C API of TensorFlow: the part that is used, with its types."""

from __future__ import annotations

import ctypes
import re
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


# As in TensorFlow's c_api.h; a handle is a pointer to what only TensorFlow looks into.
_DECLARATIONS = """
handle TF_NewStatus()
void TF_DeleteStatus(handle)
int TF_GetCode(handle)
chars TF_Message(handle)
buffer TF_NewBuffer()
buffer TF_NewBufferFromString(chars, size)
void TF_DeleteBuffer(buffer)
handle TF_LoadLibrary(chars, handle)
handle TF_NewSessionOptions()
void TF_SetConfig(handle, chars, size, handle)
void TF_DeleteSessionOptions(handle)
handle TF_NewGraph()
void TF_DeleteGraph(handle)
handle TF_GraphOperationByName(handle, chars)
int TF_OperationNumOutputs(handle)
handle TF_LoadSessionFromSavedModel(handle, buffer, chars, strings, int, handle, buffer, handle)
void TF_SessionRun(handle, buffer, outputs, handles, int, outputs, handles, int, handles, int, buffer, handle)
void TF_CloseSession(handle, handle)
void TF_DeleteSession(handle, handle)
handle TF_NewTensor(int, int64s, int, handle, size, deallocator, handle)
handle TF_AllocateTensor(int, int64s, int, size)
void TF_DeleteTensor(handle)
int TF_TensorType(handle)
int TF_NumDims(handle)
int64 TF_Dim(handle, int)
handle TF_TensorData(handle)
size TF_TensorByteSize(handle)
void TF_StringCopy(handle, chars, size)
handle TF_StringGetDataPointer(handle)
size TF_StringGetSize(handle)
void TF_StringDealloc(handle)
"""  # noqa: E501
_TYPES: dict[str, type | None] = {
    "void": None,
    "handle": c_void_p,
    "handles": POINTER(c_void_p),
    "int": c_int,
    "int64": c_int64,
    "int64s": POINTER(c_int64),
    "size": c_size_t,
    "chars": c_char_p,
    "strings": POINTER(c_char_p),
    "buffer": POINTER(Buffer),
    "outputs": POINTER(Output),
    "deallocator": Deallocator,
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

    Raises:
        OSError: It cannot be loaded.
        AttributeError: It lacks one of the functions.
    """
    library, brief = ctypes.CDLL(path), ctypes.PyDLL(path)
    for line in _DECLARATIONS.split("\n")[1:-1]:
        result, name, *arguments = re.findall(r"\w+", line)
        function = getattr(brief if name in _BRIEF else library, name)
        function.restype = _TYPES[result]
        function.argtypes = [_TYPES[argument] for argument in arguments]
        setattr(library, name, function)
    return library
