"""No device names in a graph that others will run."""

from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2


def forget_devices(directory: Path) -> None:
    """Take every device name out of a SavedModel, in place.

    TensorFlow pins the ops that save and restore variables to the first CPU.
    Without a name the server's placer chooses, and finds the same place.

    Args:
        directory: Of the version, not yet published.
    """
    path = directory / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in model.meta_graphs:
        nodes = [*meta_graph.graph_def.node]
        for function in meta_graph.graph_def.library.function:
            nodes += function.node_def
        for node in nodes:
            node.device = ""
    path.write_bytes(model.SerializeToString(deterministic=True))
