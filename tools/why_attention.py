"""The experiment of docs/why_attention.md: a plain encoder-decoder, one with attention.

Both learn to reverse strings of up to 20 letters and are asked for strings that neither
has seen. What comes out is kept as docs/pictures/why_attention.json, which
`python -m tools.why_attention_pictures` draws.

    KERAS_BACKEND=tensorflow python -m tools.why_attention    # about 4 minutes
"""

import argparse
import datetime
import json
import string
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_attention as ka
from benchmarks import machine
from keras_attention.text import CharacterTokenizer, encode
from keras_attention.visualize import AlignmentPictures

RESULT = Path(__file__).parents[1] / "docs" / "pictures" / "why_attention.json"
SHOWN = "bottleneck"
LONGEST, UNITS, EMBEDDING, BATCH, UPDATES = 20, 64, 32, 64, 200
ATTENTIONS = {
    "fixed context": ka.FixedContext,
    "attention": lambda: ka.BahdanauAttention(UNITS),
}


class Reversals(keras.utils.PyDataset):
    """New strings for every update, of every length, padded to the same width."""

    def __init__(self, letters: CharacterTokenizer) -> None:
        super().__init__()
        (rows,) = encode(letters, [string.ascii_lowercase])
        *self.ids, self.end = rows.tolist()
        self.epoch = 0

    def __len__(self) -> int:
        return UPDATES

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        random = np.random.default_rng([1, self.epoch, index])
        source = np.zeros((BATCH, LONGEST + 1), "int32")
        target = np.zeros_like(source)
        for row, length in enumerate(random.integers(1, LONGEST + 1, BATCH)):
            chosen = random.choice(self.ids, length)
            source[row, : length + 1] = [*chosen, self.end]
            target[row, : length + 1] = [*chosen[::-1], self.end]
        start = np.full((BATCH, 1), 1, "int32")
        given = np.concatenate([start, target[:, :-1]], axis=1)  # [B, T]
        given = np.where(given == self.end, 0, given)
        return {"source_ids": source, "target_ids": given}, target

    def on_epoch_end(self) -> None:
        self.epoch += 1


def texts(random: np.random.Generator, lengths: Any) -> list[str]:
    """A string of random letters for each length."""
    letters = list(string.ascii_lowercase)
    return ["".join(random.choice(letters, length)) for length in lengths]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--count", type=int, default=200, help="strings of each length")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    unseen = np.random.default_rng([2])
    asked = {n: texts(unseen, [n] * options.count) for n in range(2, 31, 2)}
    stored: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine.describe(),
        "text": SHOWN,
        "longest": LONGEST,
        "epochs": options.epochs,
        "count": options.count,
        "models": {},
    }
    for name, make in ATTENTIONS.items():
        stored["models"][name] = learned(make(), asked, options.epochs)
        print(name, stored["models"][name]["error"])
    options.output.write_text(json.dumps(stored, separators=(",", ":")) + "\n")


def learned(attention: Any, asked: dict[int, list[str]], epochs: int) -> dict[str, Any]:
    """Train one model: its parts wrong by length, its weights after each epoch."""
    keras.utils.set_random_seed(1)
    letters = CharacterTokenizer(list(string.ascii_lowercase))
    size = letters.vocabulary_size
    decoder = ka.AttentionDecoder(keras.layers.GRUCell(2 * UNITS), attention)
    encoder = ka.RecurrentEncoder(UNITS, "gru")
    model = ka.Seq2Seq(encoder, decoder, size, size, EMBEDDING)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, epochs * UPDATES, 0.05)
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=1.0),
        ka.losses.MaskedCrossentropy(),
        jit_compile=True,
    )
    pipeline = ka.TextToText(model, letters, letters)
    pictures = AlignmentPictures(pipeline, [(SHOWN, SHOWN[::-1])])
    start = time.perf_counter()
    model.fit(Reversals(letters), epochs=epochs, verbose=2, callbacks=[pictures])
    seconds = time.perf_counter() - start
    error = {}
    for length, words in asked.items():
        answers = [one.text for one in pipeline.predict(words, batch_size=len(words))]
        right = [a == word[::-1] for a, word in zip(answers, words, strict=True)]
        error[length] = 1 - float(np.mean(right))
    return {
        "seconds": round(seconds, 1),
        "parameters": model.count_params(),
        "error": error,
        "epochs": [
            {
                "answer": shown.predictions[0].text,
                "tokens": shown.scored[0].tokens,
                "source_tokens": shown.scored[0].source_tokens,
                "alignment": np.round(shown.scored[0].alignment, 4).tolist(),
            }
            for shown in pictures.history
        ],
    }


if __name__ == "__main__":
    main()
