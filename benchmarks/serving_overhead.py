"""What a call over gRPC adds to the signature in process, one call at a time.

On the model that `make demo` left, one word a call: the session in this process, our
client, and a plain stub with a message that is ready. Turns interleave; what counts is
the difference of the medians. Beside it stand the signature as TensorFlow's Python
calls it, the server's own Python without graph and network, and what no server in
Python avoids: grpcio's own share and a socket's, and how much slower the session is
when its threads may rest between calls.
"""

import argparse
import datetime
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np

import serving
from benchmarks import (
    grpcio_floor,
    machine,
    python_signature,
    serving_page,
    socket_floor,
)
from benchmarks.foreign_clients import running
from benchmarks.harness import ROOT
from serving.messages import (
    model_pb2,
    predict_pb2,
    remote_calls,
    session_pb2,
    signature_pb2,
)
from serving.server.methods import predict
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.servable import Servable
from serving.tensors.encoding import encode

RESULTS = serving_page.RESULTS / "overhead.json"
BAR_MS = 1.2
WORD = "hello"
REST_SECONDS = 0.001  # about what a call adds

#: One call; its milliseconds.
Way = Callable[[], float]


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    default = ROOT / "build" / "pronounce" / "model"
    parser.add_argument("--model", type=Path, default=default, help="its base path")
    parser.add_argument("--calls", type=int, default=200, help="of a turn")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument(
        "--intra-op",
        type=int,
        default=0,
        help="threads of one operation, in the server and in this process; 0: all",
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument(
        "serve", nargs="*", help="further flags of the server, after --"
    )
    options = parser.parse_args(given)
    versions = sorted(options.model.glob("[0-9]*"), key=lambda path: int(path.name))
    if not versions:
        parser.error(f"expected {options.model}, which `make demo` writes; found none")
    # The plain graph on both sides.
    plain = "--xla_cpu_compilation_enabled=false"
    threads = f"--tensorflow_intra_op_parallelism={options.intra_op}"
    flags = [plain, threads, *options.serve]
    config = session_pb2.ConfigProto(intra_op_parallelism_threads=options.intra_op)
    with running("benchmark", options.model, flags) as target:
        stored = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "command": _command(options.intra_op),
            "machine": machine.describe(),
            "server_flags": flags,
            "bar_ms": BAR_MS,
            **measure(versions[-1], config, target, options.calls, options.rounds),
        }
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(stored, indent=1) + "\n")
    print(serving_page.overhead(stored))
    if options.write_docs:
        serving_page.write()
    return 0 if stored["added_ms"]["client"] <= BAR_MS else 1


def _command(intra_op: int) -> str:
    chosen = f" --intra-op {intra_op}" if intra_op else ""
    return f"python -m benchmarks.serving_overhead{chosen} --write-docs"


def measure(
    version: Path,
    config: session_pb2.ConfigProto,
    target: str,
    calls: int,
    rounds: int,
) -> dict[str, Any]:
    """Milliseconds of a call, and what the ways over gRPC add."""
    session = SavedModelSession(version, config=config)
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
        grpcio_floor.running(request.ByteSize()) as floor,
        socket_floor.running(request.ByteSize()) as plain,
        python_signature.running(
            version, WORD, config.intra_op_parallelism_threads
        ) as from_python,
    ):
        stub = remote_calls.PREDICT.on(channel)
        alone = _timed(lambda: session.run(feeds, fetches))
        known = Known(session.signatures, session.run(feeds, fetches))
        message = request.SerializeToString()

        def answer() -> bytes:
            asked = predict_pb2.PredictRequest.FromString(message)
            return predict.predict(known.find, asked, 30_000).SerializeToString()

        def rested() -> float:
            time.sleep(REST_SECONDS)
            return alone()

        seconds = min(alone() for _ in range(20)) / 1000
        ways: dict[str, Way] = {
            "session": alone,
            "signature": from_python,
            "client": _timed(lambda: client.predict([WORD])),
            "stub": _timed(lambda: stub(request)),
            "session, rested": rested,
            "python": _timed(answer),
            "grpcio": lambda: floor(0.0),
            "grpcio, rested": lambda: floor(seconds),
            "socket, rested": lambda: plain(seconds),
        }
        return _figures(_medians(ways, calls, rounds))


class Known:
    """A model whose graph need not be computed: finds itself."""

    def __init__(
        self,
        signatures: Mapping[str, signature_pb2.SignatureDef],
        values: list[np.ndarray],
    ):
        self._values = values
        self._servable = Servable("benchmark", 1, signatures, self)

    def find(self, spec: model_pb2.ModelSpec) -> Servable:
        return self._servable

    def run(
        self,
        feeds: Mapping[str, np.ndarray],
        fetches: Sequence[str],
        timeout_ms: int = 0,
    ) -> list[np.ndarray]:
        return self._values


def _medians(ways: dict[str, Way], calls: int, rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        order = list(ways)
        random.Random(turn).shuffle(order)
        for way in order:
            found = [ways[way]() for _ in range(calls)]
            if turn:  # the first one is for caches
                taken[way] += found
    return {way: statistics.median(found) for way, found in taken.items()}


def _figures(medians: dict[str, float]) -> dict[str, Any]:
    alone = medians["session"]
    calls = ("session", "signature", "client", "stub")
    return {
        "milliseconds": {way: round(medians[way], 3) for way in calls},
        "added_ms": {way: round(medians[way] - alone, 3) for way in calls[1:]},
        "floor_ms": {
            "the session, after a rest": round(medians["session, rested"] - alone, 3),
            "the server's Python": round(medians["python"], 3),
            "grpcio": round(medians["grpcio"], 3),
            "grpcio, after a rest": round(medians["grpcio, rested"], 3),
            "a plain socket, after a rest": round(medians["socket, rested"], 3),
        },
    }


def _timed(call: Callable[[], Any]) -> Way:
    def timed() -> float:
        start = time.perf_counter()
        call()
        return 1000 * (time.perf_counter() - start)

    return timed


if __name__ == "__main__":
    sys.exit(main())
