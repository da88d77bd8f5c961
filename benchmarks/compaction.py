"""Generation that leaves ended rows out, and the same that keeps them to the end.

Both encode first, which is timed by itself: without it what is left is the search.

Lengths of sources and answers are log-normal, as those of sentences; every row ends
after as many steps as its answer has tokens, so that both do the same work for each.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from typing import TypeAlias
from unittest import mock

import numpy as np
import tensorflow as tf

import keras_attention as ka
from benchmarks import problem
from benchmarks.variants.ours import build
from keras_attention.generation.search import compaction

PAIRS = 20000
Case: TypeAlias = tuple[np.ndarray, np.ndarray]


def lengths(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of sources (mean 25) and of their answers, `[N]` each."""
    source = np.clip(np.round(random.lognormal(np.log(22), 0.55, PAIRS)), 1, 100)
    near = random.lognormal(0, 0.18, PAIRS) * 1.05
    return source.astype(int), np.clip(np.round(source * near), 1, 110).astype(int)


def batches(kind: str, number: int, rows: int, vocabulary: int) -> list[Case]:
    """Source ids `[B, S]` and lengths of answers `[B]`, random or sorted by length."""
    random = np.random.default_rng(0)
    source, target = lengths(random)
    order = np.argsort(source, kind="stable")
    made = []
    for _ in range(number):
        chosen = random.permutation(PAIRS)[:rows]
        if kind == "sorted":
            first = random.integers(PAIRS // 4, 3 * PAIRS // 4)
            chosen = order[first : first + rows]
        last = source[chosen][:, None]
        columns = np.arange(last.max() + 1)[None]
        ids = random.integers(problem.FIRST_SYMBOL, vocabulary, (rows, columns.size))
        ids = np.where(columns == last, problem.END, ids)
        ids = np.where(columns > last, problem.PAD, ids).astype("int32")
        made.append((ids, target[chosen].astype("int32")))
    return made


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.compaction")
    parser.add_argument("--preset", default="large", choices=problem.PRESETS)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--beams", default="1,5", help="comma-separated")
    parser.add_argument("--batches", type=int, default=2, help="of each kind")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args(given)
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    sizes = dataclasses.replace(problem.PRESETS[arguments.preset], batch=arguments.rows)
    weights = problem.without_end(problem.weights(sizes))
    (ours, _), (whole, _) = build(weights), build(weights)

    def run(model: ka.Seq2Seq, case: Case, beam: int) -> tuple[np.ndarray, ...]:
        options = ka.GenerationOptions(beam_size=beam, max_length=tf.constant(case[1]))
        if model is whole:
            with mock.patch.object(compaction, "in_dynamic_graph", lambda: False):
                found = model.generate(case[0], options)
        else:
            found = model.generate(case[0], options)
        return found.ids.numpy(), found.log_probs.numpy(), found.weights.numpy()

    encode = tf.function(
        lambda ids: ours.encode(ids)[0].values,
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
        autograph=False,
    )

    def encoder_seconds(cases: list[Case]) -> float:
        start = time.perf_counter()
        for ids, _ in cases:
            encode(ids).numpy()
        return time.perf_counter() - start

    for kind in ("random", "sorted"):
        cases = batches(
            kind, arguments.batches, arguments.rows, sizes.source_vocabulary
        )
        live = sum(case[1].sum() for case in cases)
        kept = sum(case[1].max() * arguments.rows for case in cases)
        for beam in map(int, arguments.beams.split(",")):
            seconds: dict[int, list[float]] = {0: [], 1: []}
            encoder = [encoder_seconds(cases)]
            for case in cases:
                same = zip(run(ours, case, beam), run(whole, case, beam), strict=True)
                for one, other in same:
                    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
            for number in range(arguments.rounds):
                encoder.append(encoder_seconds(cases))
                for turn in (number % 2, 1 - number % 2):
                    start = time.perf_counter()
                    for case in cases:
                        run((ours, whole)[turn], case, beam)
                    seconds[turn].append(time.perf_counter() - start)
            least = [min(seconds[turn]) for turn in (0, 1)]
            middle = [float(np.median(seconds[turn])) for turn in (0, 1)]
            print(
                f"{kind}, K={beam}, B={arguments.rows}: "
                f"{live / least[0]:,.0f} tokens/s against {live / least[1]:,.0f}: "
                f"{least[1] / least[0]:.2f} times "
                f"(median {middle[1] / middle[0]:.2f}); "
                f"without the encoder "
                f"{(least[1] - min(encoder)) / (least[0] - min(encoder)):.2f}; "
                f"if time went by rows {kept / live:.2f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
