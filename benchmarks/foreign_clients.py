"""The embedded server, asked by clients that others wrote.

grpcurl calls every service by reflection; its answers and refusals must be those of our
client.
perf_analyzer (``--service-kind tfserving``) measures, on the model that `make demo`
left.
"""

import argparse
import base64
import csv
import datetime
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import serving
from benchmarks import foreign_page, machine
from benchmarks.foreign_refusals import check_refusals
from benchmarks.foreign_tools import PACKAGES, Tools, install
from benchmarks.harness import ROOT

WORD = "hello"
_MODEL = "pronounce"
_SERVICES = {
    "grpc.health.v1.Health",
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
}
_NOT_FOUND = 64 + 5  # grpcurl's exit status for gRPC's code


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    default = ROOT / "build" / "pronounce" / "model"
    parser.add_argument("--model", type=Path, default=default, help="its base path")
    parser.add_argument("--tools", type=Path, default=ROOT / "build" / "foreign")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--milliseconds", type=int, default=3000, help="of a window")
    parser.add_argument("--results", type=Path, default=foreign_page.RESULTS)
    parser.add_argument("--write-docs", action="store_true", help="renew the page")
    parser.add_argument(
        "serve", nargs="*", help="further flags of the server, after --"
    )
    options = parser.parse_args(given)
    if not options.model.exists():
        parser.error(f"expected {options.model}, which `make demo` writes; found none")
    options.tools.mkdir(parents=True, exist_ok=True)
    tools = install(options.tools.resolve())
    before = machine.describe()
    with running(_MODEL, options.model, options.serve) as target:
        calls = check_grpcurl(tools, target)
        calls += check_refusals(tools.grpcurl, target, _MODEL)
        rows = [
            measure(tools, target, number, options.milliseconds)
            for number in options.concurrency
        ]
    stored = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": "python -m benchmarks.foreign_clients --write-docs",
        "machine": before,
        "packages": PACKAGES,
        "server_flags": options.serve,
        "grpcurl": calls,
        "perf_analyzer": rows,
    }
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(stored, indent=1) + "\n")
    print(foreign_page.table(stored))
    if options.write_docs:
        foreign_page.write(options.results)
    return 0


@contextmanager
def running(name: str, base_path: Path, flags: Sequence[str]) -> Iterator[str]:
    """The embedded server in a process of its own; its address."""
    command = [sys.executable, "-m", "serving", "serve", "--engine=embedded"]
    command += ["--host=127.0.0.1", "--port=0", f"--model={name}={base_path}", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r" port=(\d+)", process.stdout.readline())
            if found is None:
                raise SystemExit("the server did not start")
            yield f"127.0.0.1:{found[1]}"
        finally:
            process.terminate()


def check_grpcurl(tools: Tools, target: str) -> list[str]:
    """Calls every service; the calls whose answers were right.

    Raises:
        SystemExit: One was not.
    """

    def call(*words: str, status: int = 0) -> str:
        done = subprocess.run(
            [tools.grpcurl, "-plaintext", "-max-time", "30", *words],
            capture_output=True,
            text=True,
        )
        if done.returncode != status:
            raise SystemExit(f"grpcurl {words}: {done.returncode}: {done.stderr}")
        return done.stdout + done.stderr

    def expect(name: str, held: bool, said: object) -> None:
        if not held:
            raise SystemExit(f"grpcurl: {name}: unexpected answer {said}")
        right.append(name)

    right: list[str] = []
    spec = {"model_spec": {"name": _MODEL}}
    prediction = "tensorflow.serving.PredictionService"
    status = "tensorflow.serving.ModelService/GetModelStatus"
    with serving.Client(target, model=_MODEL) as client:
        expected = client.predict([WORD])[0]

    services = set(call(target, "list").split())
    expect("list", services >= _SERVICES, services)
    health = json.loads(call(target, "grpc.health.v1.Health/Check"))
    expect("Health/Check", health == {"status": "SERVING"}, health)
    found = json.loads(call("-d", json.dumps(spec), target, status))
    (version,) = found["model_version_status"]
    expect("GetModelStatus", version["state"] == "AVAILABLE", found)
    text = {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": 1}]}}
    text["string_val"] = [base64.b64encode(WORD.encode()).decode()]
    request = json.dumps({**spec, "inputs": {"text": text}})
    found = json.loads(call("-d", request, target, f"{prediction}/Predict"))
    outputs = found["outputs"]
    answer = base64.b64decode(outputs["text"]["string_val"][0]).decode()
    expect("Predict", answer == expected.text, found)
    request = json.dumps({**spec, "metadata_field": ["signature_def"]})
    found = json.loads(call("-d", request, target, f"{prediction}/GetModelMetadata"))
    signatures = found["metadata"]["signature_def"]["signature_def"]
    expect("GetModelMetadata", "serving_default" in signatures, found)
    request = '{"model_spec": {"name": "nope"}}'
    said = call("-d", request, target, status, status=_NOT_FOUND)
    message = "Could not find any versions of model nope"
    expect("GetModelStatus of an unknown model", message in said, said)
    return right


def measure(
    tools: Tools, target: str, concurrency: int, milliseconds: int
) -> dict[str, Any]:
    """One word a request, so many at once."""
    report = tools.perf_analyzer.parent / "report.csv"
    command = [tools.perf_analyzer, "-m", _MODEL, "--service-kind", "tfserving"]
    command += ["-i", "grpc", "-u", target, "-b", "1", "--shape", "text:1"]
    command += ["--string-data", WORD, "--concurrency-range", str(concurrency)]
    command += ["--measurement-interval", str(milliseconds), "-f", report]
    # Whatever the spread between windows: the percentiles show it.
    command += ["--stability-percentage", "1000"]
    done = subprocess.run(
        command,
        env={**os.environ, "LD_LIBRARY_PATH": tools.libraries},
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode:
        raise SystemExit(f"perf_analyzer: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    with report.open(newline="") as lines:
        (row,) = csv.DictReader(lines)
    return {
        "concurrency": concurrency,
        "requests_per_second": float(row["Inferences/Second"]),
        "milliseconds": {
            f"p{percent}": float(row[f"p{percent} latency"]) / 1000
            for percent in (50, 90, 95, 99)
        },
    }


if __name__ == "__main__":
    sys.exit(main())
