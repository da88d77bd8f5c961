"""Generation at the size that Marian's speed was taken at, beside its figures.

A conditional GRU of 512 units with Marian's deep output, embeddings of 256, V = 8192,
25 tokens in and 27 out, as a graph and as a program of XLA, which is what an export's
compiled search runs. The end symbol is made improbable, so that every call runs all
steps. Marian's figures are not of this run: they were taken on a machine of the same
class (2 cores of an AMD EPYC, Zen 5; 2 threads; built with `-ffast-math`).
"""

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

import keras_attention as ka
from benchmarks import machine, problem

SIZES = problem.Sizes(64, 25, 27, 512, 256, 8192, 8192)
# Tokens a second, by beam size and batch.
MARIAN = {1: {1: 1445, 8: 4716, 64: 8108}, 5: {1: 792, 8: 1607, 64: 1847}}


class DeepOutput(ka.readouts.Readout):
    """tanh(W [h; c; y] + b), the layer in front of Marian's output."""

    def __init__(self, units: int, **layer: Any) -> None:
        super().__init__(**layer)
        self.units = units

    def build(self, hidden_shape: Any, context_shape: Any, inputs_shape: Any) -> None:
        self.dense = keras.layers.Dense(self.units, activation="tanh")
        seen = (hidden_shape, context_shape, inputs_shape)
        self.dense.build((None, sum(shape[-1] for shape in seen)))

    def depth(self, hidden_depth: int, context_depth: int) -> int:
        return self.units

    def call(self, hidden: Any, context: Any, inputs: Any) -> Any:
        return self.dense(ops.concatenate([hidden, context, inputs], axis=-1))


def build() -> ka.Seq2Seq:
    """The model, with an end symbol that is never chosen."""
    keras.utils.set_random_seed(0)
    units, depth = SIZES.units, SIZES.embedding
    cells = [keras.layers.GRUCell(units), keras.layers.GRUCell(units)]
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(units, cell="gru"),
        ka.AttentionDecoder(
            keras.layers.StackedRNNCells(cells),
            ka.BahdanauAttention(units),
            order="conditional",
            readout=DeepOutput(depth),
            bridge="mean_context",
        ),
        source_vocabulary_size=SIZES.source_vocabulary,
        target_vocabulary_size=SIZES.vocabulary,
        embedding_dim=depth,
        pad_id=problem.PAD,
        start_id=problem.START,
        end_id=problem.END,
    )
    model.output_layer.bias.assign(-1e4 * np.eye(SIZES.vocabulary)[problem.END])
    return model


def _search(model: ka.Seq2Seq, beam: int, source: Any) -> tuple[Any, Any, Any]:
    options = ka.GenerationOptions(beam_size=beam, max_length=SIZES.target)
    found = model.generate(source, options)
    return found.ids, found.lengths, found.log_probs


def _check(beam: int, graph: Any, compiled: Any) -> None:
    if (np.asarray(graph[1]) != SIZES.target).any():
        raise RuntimeError(f"expected {SIZES.target} tokens, found {graph[1]}")
    if beam == 1:  # Of hypotheses that are a rounding apart either may be the answer.
        np.testing.assert_array_equal(compiled[0], graph[0])
    np.testing.assert_allclose(compiled[2], graph[2], rtol=1e-4)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.marian_size")
    parser.add_argument("--beams", default="1,5", help="comma-separated, of 1 and 5")
    parser.add_argument("--batches", default="1,8,64", help="of 1, 8 and 64")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--results", type=Path, help="a file for the figures")
    arguments = parser.parse_args(given)
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    before = machine.describe()
    model = build()
    cases: dict[tuple[int, int], dict[str, Callable[[], Any]]] = {}
    for beam in map(int, arguments.beams.split(",")):
        search = functools.partial(_search, model, beam)
        forms = {"graph": search, "compiled": tf.function(search, jit_compile=True)}
        for batch in map(int, arguments.batches.split(",")):
            source = tf.constant(problem.data(SIZES, batch, full=True)["source"])
            cases[beam, batch] = {
                form: functools.partial(run, source) for form, run in forms.items()
            }
            _check(beam, *(run() for run in cases[beam, batch].values()))
    best = {
        (*case, form): float("inf") for case, forms in cases.items() for form in forms
    }
    for _ in range(arguments.rounds):
        for beam, batch, form in best:
            start = time.perf_counter()
            np.asarray(cases[beam, batch][form]()[0])
            seconds = time.perf_counter() - start
            best[beam, batch, form] = min(best[beam, batch, form], seconds)
    rows = [
        {
            "beam": beam,
            "batch": batch,
            "form": form,
            "tokens_per_second": round(batch * SIZES.target / seconds),
            "marian": MARIAN[beam][batch],
        }
        for (beam, batch, form), seconds in best.items()
    ]
    print("| beam | batch | form | tokens/s | over Marian's |\n|---|---|---|---|---|")
    for row in rows:
        ratio = row["tokens_per_second"] / row["marian"]
        found = (*(row[name] for name in list(row)[:4]), f"{ratio:.2f}")
        print("| " + " | ".join(map(str, found)) + " |")
    if arguments.results is not None:
        stored = {"machine": before, "rounds": arguments.rounds, "cases": rows}
        arguments.results.write_text(json.dumps(stored, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
