"""Servers that are killed, and servers that want the same port."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

import serving
from tests.reliability.figures import keep
from tests.reliability.watched import texts, watched
from tests.serving.conftest import ROOT, environment, free_port, started
from tests.serving.web import ask

TEST = "tests/reliability/test_restart.py"


def flags(base, port, rest_port):
    return (
        "--model_name=upper",
        f"--model_base_path={base}",
        f"--port={port}",  # the last one counts
        f"--rest_api_port={rest_port}",
    )


def test_killed_while_it_answers_and_started_again(model):
    """On the same ports at once, with calls in flight at the time."""
    port, rest_port = free_port(), free_port()
    words, codes = flags(model("upper"), port, rest_port), []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with started(*words) as first:
            before = stub.Predict(texts("upper", b"a"), timeout=20).outputs
            calls = [
                stub.Predict.future(texts("upper", b"a" * 100_000), timeout=20)
                for _ in range(100)
            ]
            calls[0].result()
            first.send(signal.SIGKILL)
            codes = {call.code() for call in calls}
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
        port = int(words[2].partition("=")[2])
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


EXPORT = textwrap.dedent("""
    import sys
    import keras_attention as ka

    pipeline = ka.TextToText.load(sys.argv[1])
    print("begin", flush=True)
    print(pipeline.export(sys.argv[2]), flush=True)
""")


@pytest.mark.reliability
def test_exports_killed_at_any_moment(tmp_path):
    """Beside a server that follows the folder."""
    import keras

    import keras_attention as ka
    from keras_attention.text import CharacterTokenizer

    letters = CharacterTokenizer.from_texts(["abc"])
    size = letters.vocabulary_size
    network = ka.Seq2Seq(
        ka.RecurrentEncoder(4, cell="gru"),
        ka.AttentionDecoder(keras.layers.LSTMCell(8), ka.BahdanauAttention(4)),
        source_vocabulary_size=size,
        target_vocabulary_size=size,
        embedding_dim=4,
    )
    pipeline = ka.TextToText(network, letters, letters)
    saved, base = tmp_path / "letters.keras_attention", tmp_path / "letters"
    pipeline.save(saved)
    pipeline.export(base)
    moments = [0.0, 0.01, 0.03]
    counts, poll = [], "--file_system_poll_wait_seconds=0.05"
    with watched({"letters": base}, tmp_path, poll) as server:
        with serving.Client(server.target, model="letters", timeout=60) as client:
            expected = client.predict(["abc", "cab"])
            for seconds in moments:
                counts.append(killed(saved, base, seconds))
                found = client.predict(["abc", "cab"])
                assert [f.text for f in found] == [e.text for e in expected]
                assert all(s.error_code == "OK" for s in client.status())
            whole = sorted(int(p.name) for p in base.iterdir() if p.name.isdecimal())
            while client.metadata().version != whole[-1]:
                threading.Event().wait(0.01)
    left = [path for path in base.iterdir() if path.name.startswith(".export-")]
    assert left
    keep(
        14,
        "exports killed",
        TEST,
        {
            "exports killed up to 30 ms after the first file": f"{len(moments)}",
            "files that each left unpublished": ", ".join(map(str, counts)),
            "versions that are not whole": "0",
            "folders left beside them": f"{len(left)}, none with a version's name",
            "failed calls of the server meanwhile": "0",
        },
    )


def killed(saved: Path, base: Path, seconds: float) -> int:
    """Exports in a process that is killed so long after it has begun to write.

    Returns:
        How many files it had written.
    """
    before = set(base.glob(".export-*"))
    process = subprocess.Popen(
        [sys.executable, "-c", EXPORT, str(saved), str(base)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    assert process.stdout.readline() == "begin\n"
    try:
        while not written(set(base.glob(".export-*")) - before):
            assert process.poll() is None
            threading.Event().wait(0.005)
        threading.Event().wait(seconds)
    finally:
        process.kill()
        process.communicate()
    return written(set(base.glob(".export-*")) - before)


def written(folders: set[Path]) -> int:
    """How many files there are; temporary ones may go while they are counted."""
    return sum(len(names) for folder in folders for _, _, names in os.walk(folder))
