"""Hard monotonic attention: one key at a time against all keys at each step.

One sentence of S symbols and an answer of as many, greedy, the end symbol made
impossible. The weights are random; so that attention moves through the sentence as that
of a trained model does, the sign of an additive energy is scrambled (a sine of many
times it). The answers are compared, the energies counted by the score itself in a run
that is not timed, and the turns of the two ways interleave.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

import keras_attention as ka
from benchmarks import machine

VOCABULARY, END = 64, 2


@keras.saving.register_keras_serializable(package="benchmarks")
class ScrambledScore(ka.scores.Score):
    """The sine of many times an additive energy; counts what it is asked for."""

    pairwise = True

    def __init__(self, units: int, **layer: Any) -> None:
        super().__init__(**layer)
        self.additive = ka.scores.AdditiveScore(units)
        self.counting = False  # Not while a functional model is made.

    def build(self, query_shape: Any, key_shape: Any) -> None:
        self.additive.build(query_shape, key_shape)
        self.asked = self.add_weight(
            name="asked", shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def precompute(self, key: Any) -> Any:
        return self.additive.precompute(key)

    def energies(self, query: Any, keys: Any, state: Any) -> Any:
        energies = self.additive.energies(query, keys, state)  # [B, H, T, S]
        if self.counting:
            self.asked.assign(self.asked + ops.size(energies))
        return ops.sin(50.0 * energies)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.monotonic", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--lengths", default="100,1000", help="S, comma-separated")
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args(given)
    print(
        "| S = T | way | energies | ms, min | ms, median | relative, min |",
        "|---|---|---|---|---|---|",
        sep="\n",
    )
    for length in map(int, options.lengths.split(",")):
        for row in measure(length, options.units, options.rounds):
            print(f"| {length} | " + " | ".join(row) + " |", flush=True)
    about = machine.describe()
    print(
        f"\n{about['cpu']}, {about['cores']} cores, load average "
        f"{about['load_average'][0]}, units {options.units}."
    )
    return 0


def measure(length: int, units: int, rounds: int) -> list[list[str]]:
    """A row for each way: its name, energies, times.

    Raises:
        RuntimeError: The ways give different answers.
    """
    source = sentence(length)
    options = ka.GenerationOptions(max_length=length)
    ways: dict[str, Callable[[Any], Any]] = {
        "generate_monotonic": lambda model: ka.generate_monotonic(
            model, source, options
        ),
        "generate": lambda model: model.generate(source, options),
    }
    made, counted = model(units), model(units)
    found = {way: call(made) for way, call in ways.items()}
    for field in ("ids", "weights"):
        one, other = (np.asarray(getattr(answer, field)) for answer in found.values())
        if not np.array_equal(one, other):
            raise RuntimeError(f"expected the same {field} of both. Received: others")
    asked = {way: energies(counted, call) for way, call in ways.items()}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in sorted(ways, reverse=bool(turn % 2)):
            start = time.perf_counter()
            np.asarray(ways[way](made).ids)
            seconds[way].append(time.perf_counter() - start)
    base = min(seconds["generate_monotonic"])
    return [
        [
            f"`{way}`",
            f"{asked[way]:,}",
            f"{1e3 * min(taken):.1f}",
            f"{1e3 * statistics.median(taken):.1f}",
            f"{min(taken) / base:.2f}",
        ]
        for way, taken in seconds.items()
    ]


def energies(counted: ka.Seq2Seq, call: Callable[[Any], Any]) -> int:
    """How many energies the score is asked for."""
    score = counted.decoder.attention.score
    score.counting = True
    score.asked.assign(0)
    call(counted)
    return int(ops.convert_to_numpy(score.asked))


def sentence(length: int) -> np.ndarray:
    ids = np.random.default_rng(1).integers(3, VOCABULARY, size=(1, length))
    ids[0, -1] = END
    return ids


def model(units: int) -> ka.Seq2Seq:
    """The same weights every time."""
    score = ScrambledScore(units)
    alignment = ka.alignments.MonotonicAlignment(score_bias=0.0)
    made = ka.Seq2Seq(
        ka.RecurrentEncoder(units // 2, "gru"),
        ka.AttentionDecoder(
            keras.layers.GRUCell(units), ka.Attention(score, alignment)
        ),
        VOCABULARY,
        VOCABULARY,
        units,
    )
    random = np.random.default_rng(2)
    for weight in made.trainable_variables:
        scale = 3.0 / np.sqrt(weight.shape[0])
        weight.assign(random.normal(scale=scale, size=weight.shape))
    made.decoder.attention.alignment.r.assign([0.0])
    made.output_layer.bias.assign(-1e3 * np.eye(VOCABULARY)[END])
    return made


if __name__ == "__main__":
    sys.exit(main())
