"""Servers that are killed, and servers that want the same port."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

import serving
from tests.reliability.figures import keep
from tests.reliability.watched import texts
from tests.serving.conftest import ROOT, environment, free_port, started
from tests.serving.web import ask

TEST = "tests/reliability/test_restart.py"


def flags(base, port, rest_port, *more):
    return (
        f"--model=upper={base}",
        *more,
        f"--port={port}",  # the last one counts
        f"--rest_api_port={rest_port}",
    )


def test_killed_while_it_answers_and_started_again(model, tmp_path):
    """On the same ports at once, with calls in flight at the time."""
    port, rest_port = free_port(), free_port()
    words = flags(model("upper"), port, rest_port, f"--model=gate={model('gate')}")
    places = {name: str(tmp_path / name).encode() for name in ("started", "go")}
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with started(*words) as first:
            before = stub.Predict(texts("upper", b"a"), timeout=20).outputs
            computing = stub.Predict.future(texts("gate", b"x", **places), timeout=20)
            while not (tmp_path / "started").exists():
                assert not computing.done()
            calls = [
                stub.Predict.future(texts("upper", b"a" * 100_000), timeout=20)
                for _ in range(100)
            ]
            calls[0].result()
            first.send(signal.SIGKILL)
            codes = {call.code() for call in calls}
            assert computing.code() is grpc.StatusCode.UNAVAILABLE
    # Of these some may have been answered before.
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    began = time.monotonic()
    with started(*words) as second:
        assert second.port == port
        seconds = time.monotonic() - began
        with serving.Client(f"127.0.0.1:{port}", model="upper", timeout=20) as client:
            client.wait_until_ready(20)
            answer = client.predict(["a"])[0]
        assert answer.text.encode() == before["text"].string_val[0]
        body = {"inputs": ["a"]}
        found = ask(rest_port, "POST", "/v1/models/upper:predict", body)
        assert found.json()["outputs"]["text"] == ["A"]
    keep(
        14,
        "killed while it answers",
        TEST,
        {
            "started again on its ports after": f"{seconds:.2f} s",
            "answers": "the same as before",
        },
    )


FULL = pytest.mark.reliability
BUSY = [pytest.param(name, marks=FULL) for name in ("gRPC", "REST")]


@pytest.mark.parametrize("taken", [*BUSY, "both at the same moment"])
def test_two_servers_on_one_port(model, taken):
    port, rest_port = free_port(), free_port()
    first = flags(model("upper"), port, rest_port)
    second = flags(
        model("upper"),
        free_port() if taken == "REST" else port,
        free_port() if taken == "gRPC" else rest_port,
    )
    with contextlib.ExitStack() as stack:
        both = [
            stack.enter_context(running(*words, wait=taken[0] in "gR"))
            for words in (first, second)
        ]
        lines = [process.stdout.readline() for process in both]
        ready = [line for line in lines if line.startswith("ready ")]
        assert len(ready) == 1
        (loser,) = [p for p, line in zip(both, lines, strict=True) if not line]
        _, errors = loser.communicate(timeout=30)
        assert loser.returncode == 1
        # gRPC has words of its own, where both asked within microseconds.
        assert re.search(
            r"^keras-attention-serving: cannot listen on 127\.0\.0\.1:\d+.*\n\Z",
            errors,
            re.MULTILINE,
        )
        assert "Traceback" not in errors
        # The other one is none the worse for it.
        used = int(re.search(r" port=(\d+)", ready[0])[1])
        with serving.Client(f"127.0.0.1:{used}", model="upper", timeout=20) as client:
            assert client.predict(["a"])[0].text == "A"


@contextlib.contextmanager
def running(*words, wait):
    command = [sys.executable, "-m", "serving", "serve", "--engine=embedded"]
    command += ["--host=127.0.0.1", *words]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    if wait:
        port = int(words[-2].partition("=")[2])
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            while process.poll() is None:
                with contextlib.suppress(grpc.FutureTimeoutError):
                    grpc.channel_ready_future(channel).result(0.2)
                    break
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
