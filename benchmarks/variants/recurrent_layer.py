"""One LSTM layer in a TensorFlow graph: `ka.RecurrentEncoder`, or Keras' own."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_attention as ka
from benchmarks.problem import Arrays
from benchmarks.variants import Setting, Workload
from benchmarks.variants.tensorflow_graph import use_threads, versions


def lstm_layer(
    weights: Arrays,
    cases: dict[str, Arrays],
    setting: Setting,
    plain: bool = False,
    xla: bool = False,
) -> Workload:
    threads = use_threads(setting)
    steps = {case: _step(weights, case, plain, xla) for case in cases}
    fed = {case: tf.constant(arrays["x"]) for case, arrays in cases.items()}

    def check(case: str) -> Arrays:
        return {name: np.asarray(x) for name, x in steps[case](fed[case]).items()}

    def call(case: str) -> None:
        steps[case](fed[case])

    return Workload(check, call, versions(), threads)


def _step(weights: Arrays, case: str, plain: bool, xla: bool) -> Any:
    """Norms of the outputs and of the gradients of their squares, as one graph."""
    parts = [weights[f"{case}/{x}"] for x in ("kernel", "recurrent_kernel", "bias")]
    units = parts[1].shape[0]
    if plain:
        layer = keras.layers.LSTM(units, return_sequences=True)
    else:
        layer = ka.RecurrentEncoder(units, bidirectional=False)
    layer.build((None, None, parts[0].shape[0]))
    layer.set_weights(parts)

    @tf.function(jit_compile=xla, autograph=False)
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=True)
            outputs = outputs if plain else outputs[0]
            loss = tf.reduce_sum(tf.square(outputs))
        values = [x, *(variable.value for variable in layer.trainable_weights)]
        found = dict(zip(("x", "kernel", "recurrent", "bias"), values, strict=True))
        gradients = tape.gradient(loss, found)
        return {"loss": loss} | {
            f"gradient norm of {name}": tf.norm(gradient)
            for name, gradient in gradients.items()
        }

    return step
