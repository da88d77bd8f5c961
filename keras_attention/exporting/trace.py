"""Signatures as graphs that run on any device."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from keras_attention.exporting.signatures import Parts, Signature, Tensors


def concrete(parts: Parts, signature: Signature) -> Any:
    """One signature as a concrete function of its inputs by name."""

    def answer(**inputs: Any) -> Tensors:
        return signature.answer(parts, inputs)

    specs = {
        name: tf.TensorSpec([None], dtype, name=name)
        for name, dtype in signature.inputs.items()
    }
    return tf.function(answer, autograph=False).get_concrete_function(**specs)


def portable(parts: Parts, signatures: Mapping[str, Signature]) -> dict[str, Any]:
    """Concrete functions of all signatures, without kernels of one device only."""
    with _no_cudnn(parts.model):
        return {
            name: concrete(parts, signature) for name, signature in signatures.items()
        }


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
