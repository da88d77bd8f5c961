"""Selection in a beam of 5, beside the output product of the same rows.

By blocks as the search does it, and as a log-softmax of everything with one sort of
all extensions of a row. Both are part of a graph of TensorFlow, and choose alike.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_attention.backend.top import log_sum_exp
from keras_attention.generation.search.beam_extensions import (
    beam,
    every_extension,
    likely_extensions,
)

SLOTS, END = 5, 2
Extension = Any


def by_blocks(logits: tf.Tensor, score: tf.Tensor, size: tf.Tensor) -> Extension:
    start = score - log_sum_exp(logits)
    return beam(likely_extensions(logits, start, SLOTS, 0), SLOTS, size, END)


def by_sorting(logits: tf.Tensor, score: tf.Tensor, size: tf.Tensor) -> Extension:
    allowed = tf.not_equal(tf.range(logits.shape[2]), 0)
    totals = score[..., None] + tf.where(allowed, tf.nn.log_softmax(logits), -np.inf)
    return beam(every_extension(totals), SLOTS, size, END)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.beam_selection")
    parser.add_argument("--batches", default="16,64", help="comma-separated")
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--depth", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=20, help="inside a call")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args(given)
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    vocabulary, repeats = arguments.vocabulary, arguments.repeats
    for rows in map(int, arguments.batches.split(",")):
        random = np.random.default_rng(0)

        def normal(*shape: int, of: np.random.Generator = random) -> tf.Tensor:
            return tf.constant(of.normal(size=shape), tf.float32)

        logits, score = normal(rows, SLOTS, vocabulary), normal(rows, SLOTS)
        hidden = normal(rows * SLOTS, arguments.depth)
        kernel = normal(arguments.depth, vocabulary)
        size = tf.fill([rows, 1], SLOTS)

        def product(extra: tf.Tensor, x: Any = hidden, y: Any = kernel) -> tf.Tensor:
            return tf.matmul(x + extra, y)[0, 0]

        def chosen(of: Callable[..., Extension], x: Any, y: Any, z: Any) -> Any:
            return lambda extra: tf.cast(of(x, y + extra, z).token[0, 0], tf.float32)

        def repeated(part: Callable[[tf.Tensor], tf.Tensor]) -> Any:
            """Each after the last: a call's own time is spread over many."""

            @tf.function(autograph=False)
            def run() -> tf.Tensor:
                value = tf.zeros([])
                for _ in range(repeats):
                    value = part(value * 0.0)
                return value

            return run

        pairs = zip(
            by_blocks(logits, score, size), by_sorting(logits, score, size), strict=True
        )
        for one, other in pairs:
            np.testing.assert_array_equal(one, other)
        parts = {
            "product": repeated(product),
            "by blocks": repeated(chosen(by_blocks, logits, score, size)),
            "by sorting": repeated(chosen(by_sorting, logits, score, size)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in parts}
        for timed in parts.values():
            timed()
        for _ in range(arguments.rounds):
            for name, timed in parts.items():
                start = time.perf_counter()
                timed().numpy()
                seconds[name].append((time.perf_counter() - start) / repeats)
        least = {name: min(values) for name, values in seconds.items()}
        middle = {name: float(np.median(values)) for name, values in seconds.items()}
        for name in parts:
            print(
                f"B={rows}, K={SLOTS}, V={vocabulary}, {name}: "
                f"{least[name] * 1e6:,.0f} us, {least[name] / least['product']:.3f} of "
                f"the product (median {middle[name] / middle['product']:.3f})",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
