"""Tracing of signatures into graphs that run on any device."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from keras_attention.export.signatures import SignatureGraph, signatures
from keras_attention.pipeline.graphs import Graphs, Parts
from keras_attention.pipeline.option_inputs import Tensors


def portable(
    parts: Parts, max_beam_size: int, compiled: bool
) -> tuple[Mapping[str, SignatureGraph], dict[str, Any]]:
    """All signatures, and a concrete function for each, for any device."""
    with _no_cudnn(parts.model):
        found = signatures(Graphs(parts, max_beam_size), compiled)
        return found, {name: _concrete(item) for name, item in found.items()}


def _concrete(signature: SignatureGraph) -> Any:
    """A signature as a concrete function of its inputs by name.

    Shapes are checked at run time: TF Serving does not compare them with the
    signature, and several text ops end the process when given a scalar.
    """

    def answer(**inputs: Any) -> Tensors:
        return signature.answer(
            {
                name: tf.ensure_shape(inputs[name], spec.shape)
                for name, spec in signature.inputs.items()
            }
        )

    function = tf.function(answer, autograph=False)
    return function.get_concrete_function(**signature.inputs)


@contextlib.contextmanager
def _no_cudnn(model: Any) -> Iterator[None]:
    """Have Keras' recurrent layers use plain ops, whatever this machine has.

    Where a GPU is visible they would put cuDNN's kernels into the graph, and that
    graph does not run on a CPU.
    """
    layers: list[Any] = [*getattr(model, "_flatten_layers", list)()]
    affected = [layer for layer in layers if getattr(layer, "use_cudnn", False)]
    before = [layer.use_cudnn for layer in affected]
    for layer in affected:
        layer.use_cudnn = False
    try:
        yield
    finally:
        for layer, use_cudnn in zip(affected, before, strict=True):
            layer.use_cudnn = use_cudnn
