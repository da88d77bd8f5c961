"""How fast TensorFlow multiplies matrices here: what a training step cannot beat."""

from typing import Any

import tensorflow as tf

from benchmarks.problem import GEMM_SIDE, Arrays
from benchmarks.variants import Setting, Workload
from benchmarks.variants.tensorflow_graph import use_threads, versions


def train_step(weights: Arrays, cases: dict[str, Arrays], setting: Setting) -> Workload:
    del weights, cases
    threads = use_threads(setting)
    square = tf.ones((GEMM_SIDE, GEMM_SIDE)) / GEMM_SIDE

    @tf.function(autograph=False)
    def product(x: Any) -> Any:
        return tf.matmul(x, x)

    def check(case: str) -> Arrays:
        return {}

    def call(case: str) -> None:
        product(square)

    return Workload(check, call, versions(), threads)
