"""What the two TensorFlow variants share: threads, the gradient step, checks."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.problem import Arrays
from benchmarks.variants import Setting, Workload

LEARNING_RATE, EPSILON = 1e-4, 1e-7


def use_threads(setting: Setting) -> dict[str, int]:
    """Limit TensorFlow to the given threads; before its first operation."""
    tf.config.threading.set_intra_op_parallelism_threads(setting.threads)
    tf.config.threading.set_inter_op_parallelism_threads(setting.threads)
    return {"intra_op": setting.threads, "inter_op": setting.threads}


def versions() -> dict[str, str]:
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


def assign(variables: dict[str, Any], weights: Arrays) -> None:
    """Load the weights; names and shapes must be the same on both sides."""
    if set(variables) != set(weights):
        raise ValueError(
            f"Weights differ in name: {sorted(set(variables) ^ set(weights))}"
        )
    for name, variable in variables.items():
        variable.assign(weights[name])


def train_workload(
    loss_of: Callable[[Any, Any, Any], Any],
    variables: dict[str, Any],
    cases: dict[str, Arrays],
    setting: Setting,
    threads: dict[str, int],
    xla: bool,
) -> Workload:
    """Loss and all gradients as one graph.

    Args:
        loss_of: `(source, target, labels)` to the loss.
        variables: By the names of the problem's weights.
        cases: Data.
        setting: Threads and optimizer.
        threads: As `use_threads` returned them.
        xla: Compile the graph.
    """
    values = list(variables.values())
    optimizer = keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON)
    if setting.optimizer:
        optimizer.build(values)

    @tf.function(jit_compile=xla, autograph=False)
    def gradients(source: Any, target: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(source, target, labels)
        return loss, tape.gradient(loss, [value.value for value in values])

    @tf.function(jit_compile=xla, autograph=False)
    def update(source: Any, target: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(source, target, labels)
        found = tape.gradient(loss, [value.value for value in values])
        optimizer.apply(found, values)
        return loss

    fed = {
        case: [tf.constant(arrays[name]) for name in ("source", "target", "labels")]
        for case, arrays in cases.items()
    }

    def check(case: str) -> Arrays:
        loss, found = gradients(*fed[case])
        outputs = {"loss": np.asarray(loss)}
        for name, gradient in zip(variables, found, strict=True):
            dense = np.asarray(tf.convert_to_tensor(gradient), "float64")
            outputs[f"gradient norm of {name}"] = np.asarray(np.linalg.norm(dense))
        return outputs

    def call(case: str) -> None:
        step = update if setting.optimizer else gradients
        # TensorFlow's CPU device is done when the function returns.
        step(*fed[case])

    return Workload(check, call, versions(), threads)


def generation_outputs(ids: Any, log_probs: Any, lengths: Any) -> Arrays:
    return {
        "ids": np.asarray(ids),
        "lengths": np.asarray(lengths),
        "log_probs": np.asarray(log_probs),
    }
