"""Session of a SavedModel: TensorFlow's C++ session, which TF Serving runs."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np

from serving.messages import session_pb2, signature_pb2
from serving.server.refusal import Refusal, invalid, not_found
from serving.server.runtime.c_api import Output
from serving.server.runtime.c_tensors import to_array, to_tensor
from serving.server.runtime.library import tensorflow

#: Values of tensors by name, such as ``"serving_default_text:0"``.
Feeds = Mapping[str, np.ndarray]
#: Values of tensors in the order in which they were asked for.
Arrays = list[np.ndarray]

_STATUS = {code.value[0]: code for code in grpc.StatusCode}
_VARIABLE_OPS = {"VarHandleOp", "VariableV2", "Variable"}


class SavedModelSession:
    """One loaded SavedModel.

    Freed when nobody refers to it any more, so calls in flight keep a model that has
    been replaced alive until they end. Safe to use from several threads.

    Args:
        path: Folder that holds ``saved_model.pb``.
        tags: Tags of the graph to load.
        config: Threads and GPU memory of the session.

    Raises:
        Refusal: TensorFlow's loader refuses the folder, or variables are missing.
    """

    def __init__(
        self,
        path: Path,
        tags: Sequence[str] = ("serve",),
        config: session_pb2.ConfigProto | None = None,
    ):
        library = self._library = tensorflow()
        self._graph = library.TF_NewGraph()
        meta_graph = library.TF_NewBuffer()
        options = library.TF_NewSessionOptions()
        self._places: dict[str, Output] = {}
        self._session = None
        try:
            serialized = (config or session_pb2.ConfigProto()).SerializeToString()
            with _status(library) as status:
                library.TF_SetConfig(options, serialized, len(serialized), status)
            names = (ctypes.c_char_p * len(tags))(*[tag.encode() for tag in tags])
            with _status(library) as status:
                source = (str(path).encode(), names, len(tags))
                self._session = library.TF_LoadSessionFromSavedModel(
                    options, None, *source, self._graph, meta_graph, status
                )
            buffer = meta_graph.contents
            content = ctypes.string_at(buffer.data, buffer.length)
        finally:
            library.TF_DeleteBuffer(meta_graph)
            library.TF_DeleteSessionOptions(options)
            free = weakref.finalize(self, _free, library, self._session, self._graph)
            free.atexit = False
        definition = signature_pb2.MetaGraphDef.FromString(content)
        _check_variables(definition, path)
        self.signatures = dict(definition.signature_def)

    def run(self, feeds: Feeds, fetches: Sequence[str], timeout_ms: int = 0) -> Arrays:
        """Runs the graph once; a failure is a Refusal with TensorFlow's code and text.

        Args:
            feeds: Tensor name, such as ``"serving_default_text:0"``, to its value.
            fetches: Names of the tensors to return, in this order.
            timeout_ms: The graph is stopped after so many milliseconds; 0 never.
        """
        library = self._library
        inputs = (Output * len(feeds))(*[self._place(name) for name in feeds])
        outputs = (Output * len(fetches))(*[self._place(name) for name in fetches])
        fed = (ctypes.c_void_p * len(feeds))()
        fetched = (ctypes.c_void_p * len(fetches))()
        options = None
        try:
            if timeout_ms:
                run_options = session_pb2.RunOptions(timeout_in_ms=timeout_ms)
                serialized = run_options.SerializeToString()
                options = library.TF_NewBufferFromString(serialized, len(serialized))
            for index, array in enumerate(feeds.values()):
                fed[index] = to_tensor(library, array)
            with _status(library) as status:
                ends = (inputs, fed, len(feeds), outputs, fetched, len(fetches))
                library.TF_SessionRun(
                    self._session, options, *ends, None, 0, None, status
                )
            return [to_array(library, tensor) for tensor in fetched if tensor]
        finally:
            for tensor in (*fed, *fetched):
                if tensor:
                    library.TF_DeleteTensor(tensor)
            if options is not None:
                library.TF_DeleteBuffer(options)

    def _place(self, name: str) -> Output:
        if name not in self._places:
            node, _, index = name.partition(":")
            find = self._library.TF_GraphOperationByName
            operation = find(self._graph, node.encode())
            count = self._library.TF_OperationNumOutputs(operation) if operation else 0
            if not (index or "0").isdigit() or int(index or 0) >= count:
                raise invalid(
                    f"Tensor {name}, specified in a signature, not found in graph"
                )
            self._places[name] = Output(operation, int(index or 0))
        return self._places[name]


@contextmanager
def _status(library: ctypes.CDLL) -> Iterator[int]:
    status = library.TF_NewStatus()
    try:
        yield status
        code = library.TF_GetCode(status)
        if code:
            message = library.TF_Message(status).decode("utf-8", "replace")
            raise Refusal(_STATUS.get(code, grpc.StatusCode.UNKNOWN), message)
    finally:
        library.TF_DeleteStatus(status)


def _check_variables(definition: signature_pb2.MetaGraphDef, path: Path) -> None:
    """TensorFlow's loader takes a missing index for "this model has no variables"."""
    has_variables = any(node.op in _VARIABLE_OPS for node in definition.graph_def.node)
    index = path / "variables" / "variables.index"
    if has_variables and not index.exists():
        raise not_found(
            f"the graph has variables, but {index} is missing; was the copy cut short?"
        )


def _free(library: ctypes.CDLL, session: int | None, graph: int) -> None:
    if session:
        status = library.TF_NewStatus()
        library.TF_CloseSession(session, status)
        library.TF_DeleteSession(session, status)
        library.TF_DeleteStatus(status)
    library.TF_DeleteGraph(graph)
