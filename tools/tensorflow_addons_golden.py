"""Small models of TensorFlow Addons as it saves them, and what they answer.

    python -m benchmarks.peers
    build/peers/addons/bin/python tools/tensorflow_addons_golden.py tests/migrate/golden

The environment is one of its own: the last TensorFlow with Keras 2.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

BATCH, SOURCE, TARGET, DEPTH, MEMORY, UNITS, VOCABULARY = 2, 4, 3, 2, 3, 4, 5
LENGTHS = [4, 3]


class Decoder(tf.keras.Model):
    """A decoder as Addons' own tutorial has it."""

    def __init__(self, mechanism: Any, cell: Any, **wrapper: Any) -> None:
        super().__init__(name="decoder")
        self.mechanism = mechanism
        self.cell = tfa.seq2seq.AttentionWrapper(cell, mechanism, **wrapper)
        self.output_layer = tf.keras.layers.Dense(VOCABULARY)
        sampler = tfa.seq2seq.TrainingSampler()
        self.decoder = tfa.seq2seq.BasicDecoder(self.cell, sampler, self.output_layer)

    def call(self, inputs: Any, memory: Any) -> Any:
        """Logits `[B, T, V]`."""
        mask = tf.sequence_mask(LENGTHS, SOURCE)
        self.mechanism(memory, mask=mask, setup_memory=True)
        state = self.cell.get_initial_state(batch_size=BATCH, dtype=tf.float32)
        lengths = tf.fill([BATCH], TARGET)
        return self.decoder(inputs, initial_state=state, sequence_length=lengths)[0][0]


def models() -> dict[str, Decoder]:
    cells, seq2seq = tf.keras.layers, tfa.seq2seq
    return {
        "bahdanau": Decoder(
            seq2seq.BahdanauAttention(3, normalize=True),
            cells.LSTMCell(UNITS),
            attention_layer_size=3,
        ),
        "luong_monotonic": Decoder(
            seq2seq.LuongMonotonicAttention(UNITS, scale=True, mode="parallel"),
            cells.StackedRNNCells([cells.GRUCell(UNITS), cells.GRUCell(UNITS)]),
            output_attention=False,
        ),
    }


def main(folder: Path) -> int:
    tf.keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    inputs = random.normal(size=(BATCH, TARGET, DEPTH)).astype("float32")
    memory = random.normal(size=(BATCH, SOURCE, MEMORY)).astype("float32")
    golden = {"inputs": inputs.tolist(), "memory": memory.tolist(), "lengths": LENGTHS}
    for name, model in models().items():
        model(inputs, memory)
        for variable in model.weights:  # None is left at 0 or 1.
            variable.assign(random.normal(scale=0.7, size=variable.shape))
        golden[name] = model(inputs, memory).numpy().tolist()
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        tf.train.Checkpoint(decoder=model).write(str(place / "objects"))
        by_name = {variable.name[:-2]: variable for variable in model.weights}
        saver = tf.compat.v1.train.Saver(by_name)
        saver.save(None, str(place / "names"), write_state=False)
        weights = place / "weights.h5"
        model.save_weights(weights)  # Mostly zeros.
        packed = gzip.compress(weights.read_bytes(), mtime=0)
        weights.with_suffix(".h5.gz").write_bytes(packed)
        weights.unlink()
    (folder / "answers.json").write_text(json.dumps(golden) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
