"""Post-processing of a SavedModel: defaults go in, device names and dead nodes out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

from keras_attention.export.unused_nodes import drop_unused

Defaults = Mapping[str, Mapping[str, Any]]


def finish(directory: Path, defaults: Defaults | None = None) -> None:
    """Take out every device name and put in the inputs' defaults, in place.

    TensorFlow pins the ops that save and restore variables to the first CPU.
    Without a name the server's placer chooses, and finds the same place.

    Args:
        directory: Of the version, not yet published.
        defaults: Arrays by the name of the signature and of the input: what the
            server takes for inputs that are not sent.
    """
    path = directory / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in model.meta_graphs:
        _forget_devices(meta_graph.graph_def)
        _drop_unused(meta_graph)
        for name, values in (defaults or {}).items():
            written = meta_graph.signature_def[name].defaults
            for alias, value in values.items():
                written[alias].CopyFrom(tf.make_tensor_proto(value))
    path.write_bytes(model.SerializeToString(deterministic=True))
    # The one that TensorFlow wrote is of the graph before.
    fingerprinting_utils.write_fingerprint(str(directory))


def _drop_unused(meta_graph: Any) -> None:
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    calls = {
        info.name.split(":")[0]
        for signature in meta_graph.signature_def.values()
        for info in signature.outputs.values()
    }
    # To ask a node for an attribute that it lacks gives it an empty one.
    attributes = [nodes[call].attr for call in calls]
    functions = {each["f"].func.name for each in attributes if "f" in each}
    drop_unused(meta_graph.graph_def, sorted(functions))


def _forget_devices(graph: Any) -> None:
    nodes = [*graph.node]
    for function in graph.library.function:
        nodes += function.node_def
    for node in nodes:
        node.device = ""
