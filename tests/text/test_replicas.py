"""Datasets of a pipeline under `tf.distribute`, on two virtual devices."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.tensorflow_only

PROGRAM = """
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
    import keras
    import keras_attention as ka
    from keras_attention.text import CharacterTokenizer

    letters = CharacterTokenizer(["a", "b", "c"])
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = ka.Seq2Seq(
            ka.RecurrentEncoder(2, cell="gru", bidirectional=False),
            ka.AttentionDecoder(keras.layers.GRUCell(2), attention=None),
            source_vocabulary_size=letters.vocabulary_size,
            target_vocabulary_size=letters.vocabulary_size,
            embedding_dim=2,
        )
        model.compile("sgd", loss=ka.losses.MaskedCrossentropy())
    pipeline = ka.TextToText(model, letters, letters)
    pairs = [("ab" * (row % 5), "c" * (row % 3)) for row in range(9)]

    class Batches(keras.callbacks.Callback):
        count = 0

        def on_train_batch_end(self, batch, logs=None):
            self.count += 1

    for number, arguments in CASES:
        dataset = pipeline.dataset(pairs[:number], **arguments)
        batches = Batches()
        model.fit(dataset, epochs=2, verbose=0, callbacks=[batches])
        model.evaluate(dataset, verbose=0)
        rows = sum(len(labels) for _, labels in dataset.as_numpy_iterator())
        print(number, rows, batches.count)
"""
# Rows, arguments, and batches of an epoch.
CASES = [
    (5, {"batch_size": 2, "seed": 0}, 3),
    (4, {"batch_size": 3}, 2),
    (5, {"batch_size": 64}, 2),
    (3, {"batch_size": 4, "shuffle": False}, 2),
    *((5, {"batch_size": 4, "seed": seed}, 2) for seed in range(3)),
    (9, {"tokens_per_batch": 8, "batch_size": 3}, 5),
    (9, {"tokens_per_batch": 1, "pool": 1, "batch_size": 2}, 5),
]


def test_every_first_batch_can_be_divided():
    cases = [case[:2] for case in CASES]
    program = textwrap.dedent(PROGRAM).replace("CASES", repr(cases))
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=Path(__file__).parents[2],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    found = [tuple(map(int, line.split())) for line in finished.stdout.splitlines()]
    assert found == [(rows, rows, 2 * count) for rows, _, count in CASES]
