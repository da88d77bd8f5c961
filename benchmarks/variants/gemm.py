"""How fast TensorFlow multiplies matrices here: what a training step cannot beat."""

from typing import Any

import tensorflow as tf

from benchmarks.problem import Arrays
from benchmarks.variants import Setting, Workload
from benchmarks.variants.tensorflow_graph import use_threads, versions

SIDE = 1024
FLOP = 2 * SIDE**3


def train_step(weights: Arrays, cases: dict[str, Arrays], setting: Setting) -> Workload:
    del weights, cases
    threads = use_threads(setting)
    square = tf.ones((SIDE, SIDE)) / SIDE

    @tf.function(autograph=False)
    def product(x: Any) -> Any:
        return tf.matmul(x, x)

    def check(case: str) -> Arrays:
        return {}

    def call(case: str) -> None:
        product(square)

    return Workload(check, call, versions(), threads)
