"""Outputs in functional models, of layers that return more when asked."""

from typing import Any


def widest_output(layer: Any, default: Any) -> Any:
    """The symbolic outputs of the call of `layer` that had the most of them.

    Keras takes the number of outputs of a functional node from the first call of
    its layer. A layer called plain first and with its attention weights later
    would leave the weights "not connected" (Keras' own attention does).

    Args:
        layer: The layer whose `output` is asked for.
        default: `super()` of the layer, which raises Keras' own error when the
            layer was never called symbolically.
    """
    if not layer._inbound_nodes:
        return default.output
    outputs = max((node.outputs for node in layer._inbound_nodes), key=len)
    return outputs[0] if len(outputs) == 1 else outputs
