"""What a call over gRPC adds to the signature in process, one call at a time.

On the model that `make demo` left, one word a call: the session in this process, our
client, and a plain stub with a message that is ready. Turns interleave; what counts is
the difference of the medians.
"""

import argparse
import datetime
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np

import serving
from benchmarks import machine
from benchmarks.foreign_clients import running
from benchmarks.harness import ROOT
from serving import methods
from serving.embedded.session import SavedModelSession
from serving.messages import predict_pb2
from serving.tensors import encode

RESULTS = ROOT / "benchmarks" / "results" / "serving_overhead.json"
BAR_MS = 0.4
WORD = "hello"


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    default = ROOT / "build" / "pronounce" / "model"
    parser.add_argument("--model", type=Path, default=default, help="its base path")
    parser.add_argument("--calls", type=int, default=200, help="of a turn")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument(
        "serve", nargs="*", help="further flags of the server, after --"
    )
    options = parser.parse_args(given)
    versions = sorted(options.model.glob("[0-9]*"), key=lambda path: int(path.name))
    if not versions:
        parser.error(f"expected {options.model}, which `make demo` writes; found none")
    with running("benchmark", options.model, options.serve) as target:
        stored = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "command": "python -m benchmarks.serving_overhead",
            "machine": machine.describe(),
            "server_flags": options.serve,
            **measure(versions[-1], target, options.calls, options.rounds),
        }
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(stored, indent=1) + "\n")
    print(table(stored))
    return 0 if stored["added_ms"]["client"] <= BAR_MS else 1


def measure(version: Path, target: str, calls: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of a call, and what the ways over gRPC add."""
    session = SavedModelSession(version)
    signature = session.signatures["serving_default"]
    text = np.empty(1, object)
    text[0] = WORD.encode()
    feeds = {signature.inputs["text"].name: text}
    fetches = [output.name for output in signature.outputs.values()]
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "benchmark"
    request.inputs["text"].CopyFrom(encode(text))
    with (
        serving.Client(target, model="benchmark") as client,
        grpc.insecure_channel(target) as channel,
    ):
        stub = channel.unary_unary(
            methods.PREDICT.path,
            request_serializer=methods.PREDICT.request.SerializeToString,
            response_deserializer=methods.PREDICT.response.FromString,
        )
        ways: dict[str, Callable[[], Any]] = {
            "session": lambda: session.run(feeds, fetches),
            "client": lambda: client.predict([WORD]),
            "stub": lambda: stub(request),
        }
        return _turns(ways, calls, rounds)


def _turns(
    ways: dict[str, Callable[[], Any]], calls: int, rounds: int
) -> dict[str, Any]:
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        order = list(ways)
        random.Random(turn).shuffle(order)
        for way in order:
            found = [_milliseconds(ways[way]) for _ in range(calls)]
            if turn:  # the first one is for caches
                taken[way] += found
    medians = {way: statistics.median(found) for way, found in taken.items()}
    alone = medians["session"]
    return {
        "milliseconds": {way: round(value, 3) for way, value in medians.items()},
        "added_ms": {
            way: round(value - alone, 3)
            for way, value in medians.items()
            if way != "session"
        },
    }


def _milliseconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def table(stored: dict[str, Any]) -> str:
    """A Markdown table, and the verdict."""
    lines = ["| way | ms, median | added |", "|---|---|---|"]
    for way, value in stored["milliseconds"].items():
        added = stored["added_ms"].get(way)
        lines.append(f"| {way} | {value:.3f} | {'' if added is None else added} |")
    load = stored["machine"]["load_average"][0]
    lines += ["", f"The bar is {BAR_MS} ms. Load average before: {load}."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
