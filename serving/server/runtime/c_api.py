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
# The brief ones take no longer than it takes to let another thread run Python
# meanwhile, which may then keep this one waiting; some are called for every string.
_DECLARATIONS = """
brief handle TF_NewStatus()
brief void TF_DeleteStatus(handle)
brief int TF_GetCode(handle)
brief chars TF_Message(handle)
buffer TF_NewBuffer()
brief buffer TF_NewBufferFromString(chars, size)
brief void TF_DeleteBuffer(buffer)
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
brief handle TF_NewTensor(int, int64s, int, handle, size, deallocator, handle)
handle TF_AllocateTensor(int, int64s, int, size)
void TF_DeleteTensor(handle)
brief int TF_TensorType(handle)
brief int TF_NumDims(handle)
brief int64 TF_Dim(handle, int)
brief handle TF_TensorData(handle)
brief size TF_TensorByteSize(handle)
brief void TF_StringCopy(handle, chars, size)
brief handle TF_StringGetDataPointer(handle)
brief size TF_StringGetSize(handle)
brief void TF_StringDealloc(handle)
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


def load(path: str) -> ctypes.CDLL:
    """The library, its functions with their types; OSError or AttributeError without.

    Other threads run Python during calls of those that may take long, and only then.
    """
    library, brief = ctypes.CDLL(path), ctypes.PyDLL(path)
    for line in _DECLARATIONS.split("\n")[1:-1]:
        result, name, *arguments = re.findall(r"\w+", line.removeprefix("brief "))
        function = getattr(brief if line.startswith("brief ") else library, name)
        function.restype = _TYPES[result]
        function.argtypes = [_TYPES[argument] for argument in arguments]
        setattr(library, name, function)
    return library
