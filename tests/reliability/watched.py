"""A server process, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.serving.conftest import ROOT, Process, environment, free_port
from tests.serving.web import ask

_TICK = os.sysconf("SC_CLK_TCK")
# One tick is 5 % of it.
_WINDOW = 20 / _TICK
#: Share of a processor that a server takes which looks for versions all the time.
POLLING = 0.2


class Watched:
    """A server process over which a test watches."""

    def __init__(self, process, rest_port, log):
        self.process, self.log = process, log
        self.port, self.rest_port = process.port, rest_port
        self.target = process.target

    def resident(self) -> int:
        """Bytes of memory in use."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """The most bytes of memory there were in use since :meth:`forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Lets the peak begin anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def threads(self) -> int:
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def processor_seconds(self) -> float:
        """Time on a processor so far."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def idle_since(self, share: float = 0.05, limit: float = 20.0) -> float:
        """When it ceased to compute, as ``time.monotonic`` counts.

        From then on it takes no more than this share of a processor, for the fifth of
        a second that is looked at; fails if it computes for ``limit`` seconds.
        """
        began, pause, samples = time.monotonic(), threading.Event(), deque()
        while (now := time.monotonic()) - began < limit:
            used = self.processor_seconds()
            samples.append((now, used))
            while samples and now - samples[0][0] >= _WINDOW:
                since, before = samples.popleft()
                if used - before <= share * (now - since):
                    return since
            pause.wait(0.01)
        raise AssertionError(f"it was still computing after {limit} seconds")

    def upper(self, timeout: float = 20.0) -> None:
        """Fails unless it answers rightly on both ports."""
        with grpc.insecure_channel(self.target) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            answer = stub.Predict(texts("upper", b"a"), timeout=timeout)
            assert answer.outputs["text"].string_val[:] == [b"A"]
        body = {"inputs": ["a"]}
        answer = ask(self.rest_port, "POST", "/v1/models/upper:predict", body)
        assert answer.json() == {"outputs": {"text": ["A"], "log_prob": [-0.5]}}

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name} for {self.process.pid}")


def texts(model: str, *items: bytes, **more: bytes) -> predict_pb2.PredictRequest:
    """A request with the input ``text``, and others of one row."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    for name, values in {"text": items, **{n: [v] for n, v in more.items()}}.items():
        tensor = request.inputs[name]
        tensor.dtype = 7  # DT_STRING
        tensor.tensor_shape.dim.add(size=len(values))
        tensor.string_val.extend(values)
    return request


@contextmanager
def watched(paths: Mapping[str, Path], folder: Path, *flags: str) -> Iterator[Watched]:
    """A server of some models, on free ports; its log is in the folder."""
    config = folder / "models.config"
    lines = [
        f'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" }}'
        for name, path in paths.items()
    ]
    config.write_text(f"model_config_list {{ {' '.join(lines)} }}")
    port = free_port()
    command = [sys.executable, "-m", "serving", "serve", "--host=127.0.0.1"]
    command += ["--engine=embedded", "--port=0", f"--rest_api_port={port}"]
    command += [f"--model_config_file={config}"]
    # A pipe that nobody reads would stop a server that has much to say.
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, *flags],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(),
            cwd=ROOT,
        )
        try:
            found = Watched(Process(process), port, folder / "log")
            assert found.port, (folder / "log").read_text()
            yield found
        finally:
            process.kill()
            process.communicate()
