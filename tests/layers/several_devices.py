"""Fifty steps of one training on one device and on two: a program, which writes JSON.

In a process of its own, since backends take devices only before they have started.
"""

import contextlib
import json
import sys

import keras
import numpy as np

import keras_attention as ka

V, LONGEST, ROWS, BATCH = 9, 6, 76, 8


def reversed_sequences():
    """Ids to reverse. A batch begins with long rows: devices count different tokens."""
    random = np.random.default_rng(0)
    source, target = np.zeros((2, ROWS, LONGEST + 1), "int32")
    for row in range(ROWS):
        length = random.integers(1, 3) + (LONGEST - 2) * (row % BATCH < BATCH // 2)
        ids = random.integers(3, V, length)
        source[row, : length + 1] = [*ids, 2]
        target[row, : length + 1] = [*ids[::-1], 2]
    shifted = np.pad(target[:, :-1], ((0, 0), (1, 0)), constant_values=1)
    return {"source_ids": source, "target_ids": shifted}, target


def trained(scope, **optimizer):
    """Losses of five epochs of ten batches, and what `evaluate` then says."""
    keras.utils.set_random_seed(1)
    with scope:
        model = ka.Seq2Seq(
            ka.RecurrentEncoder(6, cell="gru"),
            ka.AttentionDecoder(keras.layers.GRUCell(6), ka.BahdanauAttention(6)),
            source_vocabulary_size=V,
            target_vocabulary_size=V,
            embedding_dim=6,
        )
        model.compile(
            keras.optimizers.SGD(1.0, momentum=0.9, **optimizer),
            ka.losses.MaskedCrossentropy(label_smoothing=0.1),
            weighted_metrics=[ka.metrics.TokenAccuracy()],
        )
        x, y = reversed_sequences()
        fit = model.fit(x, y, batch_size=BATCH, epochs=5, shuffle=False, verbose=0)
        found = model.evaluate(x, y, batch_size=BATCH, verbose=0)
    return {
        "losses": fit.history["loss"],
        "accuracies": fit.history["token_accuracy"],
        "evaluation": found,
    }


def two_replicas():
    """Of TensorFlow, on one processor."""
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def worker():
    """One of those in TF_CONFIG."""
    import tensorflow as tf

    return tf.distribute.MultiWorkerMirroredStrategy()


def main(kind, optimizer):
    if kind == "alone":
        return trained(contextlib.nullcontext(), **optimizer)
    if kind == "worker":
        return trained(worker().scope(), **optimizer)
    two = two_replicas if kind == "mirrored" else keras.distribution.DataParallel
    scope = two().scope()
    return {
        "one": trained(contextlib.nullcontext(), **optimizer),
        "two": trained(scope, **optimizer),
    }


if __name__ == "__main__":
    json.dump(main(sys.argv[1], json.loads(sys.argv[2])), sys.stdout)
