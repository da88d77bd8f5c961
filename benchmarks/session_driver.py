"""A process that drives a session, or batching around it, as hard as asked.

In a process of its own, since TensorFlow's threads are those that the first session of
a process asks for.
"""

import argparse
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from serving.messages import session_pb2
from serving.server.batching import BatchingOptions, BatchingRunner, Scheduler
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.servable import Runner

#: Rows of a request, requests at once, whether they are merged, and seconds: words a
#: second and processor seconds a word.
Drive = Callable[[int, int, bool, float], tuple[float, float]]

_Ask = Callable[[Runner, list[bytes]], list[bytes]]


@contextmanager
def running(
    model: Path, words: Sequence[str], intra_op: int, batching: BatchingOptions
) -> Iterator[Drive]:
    """The process, with a session whose operations have so many threads (0: all)."""
    setting = {
        "model": str(model),
        "words": list(words),
        "intra_op": intra_op,
        "max_batch_size": batching.max_batch_size,
        "threads": batching.threads,
        "timeout_seconds": batching.timeout_seconds,
    }
    command = [sys.executable, "-m", "benchmarks.session_driver"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        to, replies = process.stdin, process.stdout
        assert to is not None and replies is not None

        def tell(message: object) -> str:
            print(json.dumps(message), file=to, flush=True)
            reply = replies.readline()
            if not reply:
                raise SystemExit("the process that drives the session has ended")
            return reply

        tell(setting)

        def drive(
            rows: int, callers: int, merge: bool, seconds: float
        ) -> tuple[float, float]:
            rate, processor = json.loads(tell([rows, callers, merge, seconds]))
            return rate, processor

        try:
            yield drive
        finally:
            process.terminate()


def main() -> int:
    argparse.ArgumentParser(description=__doc__.split("\n\n")[0]).parse_args()
    setting = json.loads(sys.stdin.readline())
    config = session_pb2.ConfigProto(intra_op_parallelism_threads=setting["intra_op"])
    session = SavedModelSession(Path(setting["model"]), config=config)
    options = {
        name: setting[name] for name in ("max_batch_size", "threads", "timeout_seconds")
    }
    merging = BatchingRunner(session, Scheduler(BatchingOptions(**options)))
    ask = _asking(session)
    words = [word.encode() for word in setting["words"]]
    _check(ask, session, merging, words[:64])
    print("ready", flush=True)
    for line in sys.stdin:
        rows, callers, merge, seconds = json.loads(line)
        runner: Runner = merging if merge else session
        print(json.dumps(_turn(ask, words, runner, rows, callers, seconds)), flush=True)
    return 0


def _asking(session: SavedModelSession) -> _Ask:
    signature = session.signatures["serving_default"]
    name, fetched = signature.inputs["text"].name, signature.outputs["text"].name

    def ask(runner: Runner, words: list[bytes]) -> list[bytes]:
        texts = np.empty(len(words), object)
        texts[:] = words
        return runner.run({name: texts}, [fetched])[0].tolist()

    return ask


def _check(ask: _Ask, session: Runner, merging: Runner, words: list[bytes]) -> None:
    singly = [text for word in words for text in ask(merging, [word])]
    if singly != ask(session, words):
        raise SystemExit("one by one, the answers differ from those of a batch")


def _turn(
    ask: _Ask, words: list[bytes], runner: Runner, size: int, callers: int, limit: float
) -> tuple[float, float]:
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


if __name__ == "__main__":
    sys.exit(main())
