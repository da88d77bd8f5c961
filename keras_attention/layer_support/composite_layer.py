"""The base of layers made of layers: outputs in functional models, and saved parts."""

from typing import Any

import keras

from keras_attention.layer_support.quantization import (
    quantize_again,
    quantized_layers,
)
from keras_attention.layer_support.types import Config


class CompositeLayer(keras.layers.Layer):
    """A layer that may return more than one tensor and holds layers that it made."""

    def compute_output_spec(self, *arguments: Any, **named: Any) -> Any:
        """Shapes and dtypes of the outputs of `call` with these arguments."""
        # Keras would ask `compute_output_shape`, which is told of no flags and dtypes.
        return keras.Operation.compute_output_spec(self, *arguments, **named)

    @property
    def output(self) -> Any:
        """The symbolic outputs of the call that had the most of them."""
        # Keras takes the number of outputs of a functional node from the first call of
        # its layer. A layer called plain first and with its attention weights later
        # would leave the weights "not connected" (Keras' own attention does).
        if not self._inbound_nodes:
            return super().output
        outputs = max((node.outputs for node in self._inbound_nodes), key=len)
        return outputs[0] if len(outputs) == 1 else outputs

    def get_build_config(self) -> Config | None:
        """What a saved layer is built with: shapes, and which parts are quantised."""
        config = super().get_build_config()
        quantized = quantized_layers(self)
        return config and config | ({"quantized": quantized} if quantized else {})

    def build_from_config(self, config: Config) -> None:
        """Build a loaded layer, before its weights are read."""
        super().build_from_config(config)
        quantize_again(self, config.get("quantized", {}))
