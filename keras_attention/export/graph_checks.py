"""Checks of an exported graph: known ops, no device names, shapes checked first."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2

from keras_attention.export.signatures import COMPILED

# They hand their inputs on to a function.
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
# Registered everywhere, but they call back into the Python that wrote the graph.
_PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})

_INITIALIZER = "__saved_model_init_op"


def check_saved_model(directory: Path) -> None:
    """Check that a SavedModel runs wherever TF Serving 2.20 does.

    Raises:
        ValueError: It has an op that the server does not know, a kernel of one
            device only, a device name or a part for XLA, which the server
            switches off; or a signature looks at an input before its shape.
    """
    data = (directory / "saved_model.pb").read_bytes()
    meta_graph = saved_model_pb2.SavedModel.FromString(data).meta_graphs[0]
    problems = [*_problems(meta_graph)]
    if problems:
        raise ValueError("The model cannot be served: " + "; ".join(problems))


@functools.cache
def serving_ops() -> frozenset[str]:
    """Names of the ops that TF Serving 2.20 knows."""
    text = resources.files(__package__).joinpath("serving_ops.txt").read_text()
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


def _problems(meta_graph: Any) -> Iterator[str]:
    graph = meta_graph.graph_def
    functions = {
        function.signature.name: function for function in graph.library.function
    }
    nodes = [*graph.node]
    for function in functions.values():
        nodes += function.node_def
    unknown = {node.op for node in nodes} - serving_ops() - set(functions)
    unknown |= {node.op for node in nodes} & _PYTHON
    if unknown:
        yield f"expected ops of TF Serving 2.20, found {sorted(unknown)}"
    cudnn = {node.op for node in nodes if node.op.startswith("Cudnn")}
    if cudnn:
        yield f"expected ops of any device, found {sorted(cudnn)}"
    devices = {node.device for node in nodes} - {""}
    if devices:
        yield f"expected no device names, found {sorted(devices)}"
    for name, signature in meta_graph.signature_def.items():
        if name == _INITIALIZER:
            continue
        if name not in COMPILED and _is_compiled(signature, graph.node, functions):
            yield (
                f"expected nothing in signature {name!r} that only XLA runs, found "
                "jit_compile=True"
            )
        for alias, info in signature.inputs.items():
            readers = _unguarded(_base(info.name), graph.node, functions)
            if readers:
                yield (
                    f"expected signature {name!r} to check the shape of input "
                    f"{alias!r} first, found {sorted(readers)}"
                )


def _is_compiled(
    signature: Any, nodes: Iterable[Any], functions: Mapping[str, Any]
) -> bool:
    """Whether something that a signature needs must be compiled by XLA."""
    outputs = {_base(info.name) for info in signature.outputs.values()}
    waiting = [node for node in nodes if node.name in outputs]
    seen = set()
    while waiting:
        item = waiting.pop()
        if "_XlaMustCompile" in item.attr and item.attr["_XlaMustCompile"].b:
            return True
        for attribute in item.attr.values():
            for called in (attribute.func, *attribute.list.func):
                if called.name in functions and called.name not in seen:
                    seen.add(called.name)
                    function = functions[called.name]
                    waiting += [function, *function.node_def]
    return False


def _unguarded(
    tensor: str, nodes: Iterable[Any], functions: Mapping[str, Any]
) -> set[str]:
    """Ops that read a tensor whose shape has not been checked."""
    readers: set[str] = set()
    found = False
    for node in nodes:
        for place, name in enumerate(node.input):
            if _base(name) != tensor:
                continue
            found = True
            if node.op in _CALLS:
                function = functions[node.attr["f"].func.name]
                argument = function.signature.input_arg[place].name
                readers |= _unguarded(argument, function.node_def, functions)
            elif node.op == "Identity":
                readers |= _unguarded(node.name, nodes, functions)
            elif node.op != "EnsureShape":
                readers.add(node.op)
    return readers if found else {"no reader"}


def _base(name: str) -> str:
    """The node or argument that a tensor's name begins with."""
    return name.removeprefix("^").split(":")[0]
