"""The stock server behind our command: its start, its status, its signals.

Programs of :mod:`tests.serving.stand_ins` take its place here.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

import serving
from tests.serving import stand_ins
from tests.serving.conftest import ROOT, free_port
from tests.serving.stand_ins import flags_of
from tests.serving.web import ask


@contextmanager
def launched(folder, *words):
    """``serve`` with these programs on the PATH."""
    process = subprocess.Popen(
        [sys.executable, "-m", "serving", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=stand_ins.path_with(folder),
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def ended(process):
    out, errors = process.communicate(timeout=30)
    return process.returncode, out, errors


def test_binary_of_the_path_from_start_to_end(toys, tmp_path):
    rest, upper, numbers = free_port(), toys / "upper", toys / "numbers"
    words = (f"--model=upper={upper}", f"--model=numbers={numbers}", "--port=0")
    words += (f"--rest_api_port={rest}", "--enable_metrics", "--no_such_flag")
    with launched(stand_ins.model_server(tmp_path), *words) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        found = [dict(word.split("=") for word in line.split()[1:]) for line in lines]
        assert [line["model"] for line in found] == ["upper", "numbers"]
        assert {line["engine"] for line in found} == {"binary"}
        assert {line["version"] for line in found} == {"1"}
        target = f"127.0.0.1:{found[0]['port']}"
        with serving.Client(target, model="upper") as client:
            assert client.predict(["a"])[0].text == "A"
        page = ask(rest, "GET", "/monitoring/prometheus/metrics").body
        assert b":tensorflow:serving:request_count" in page
        told = stand_ins.record(tmp_path)
        assert flags_of(told["words"])["port"] == found[0]["port"]
        assert 'name: "numbers"' in told["files"]["model_config_file"]
        # What was written for the start is gone after it.
        assert not os.path.exists(flags_of(told["words"])["model_config_file"])
        process.send_signal(signal.SIGTERM)
        status, out, errors = ended(process)
    # The stand-in has a handler, so that its own status is 0.
    assert (status, out) == (0, "")
    engine = f"INFO engine=binary tensorflow_model_server={tmp_path}"
    assert engine in errors and "WARNING unknown argument: --no_such_flag" in errors


def test_readiness_over_grpc_where_there_is_no_rest(toys, tmp_path):
    folder = stand_ins.docker(tmp_path)
    words = ("--engine=docker", "--port=0", "--model_name=upper")
    words += (f"--model_base_path={toys / 'upper'}", "--host=127.0.0.1")
    with launched(folder, *words) as process:
        line = process.stdout.readline()
        assert line.startswith("ready engine=docker host=127.0.0.1 port=")
        assert line.endswith(" model=upper version=1\n")
        process.send_signal(signal.SIGINT)
        status, _, errors = ended(process)
    assert status == 0
    image = "tensorflow/serving:2.20.0"
    assert f"engine=docker tensorflow_model_server={image}" in errors
    assert image in json.loads((tmp_path / "docker.json").read_text())


@pytest.mark.parametrize(
    "script, status, words",
    [
        ("exit 7", 7, "tensorflow_model_server ended with status 7 before"),
        ("kill -SEGV $$", 128 + signal.SIGSEGV, "ended with status 139 before"),
        ("echo to stdout; exit 1", 1, "to stdout"),
    ],
)
def test_status_of_the_server_is_passed_on(toys, tmp_path, script, status, words):
    flags = (f"--model_base_path={toys / 'upper'}", "--port=0")
    with launched(stand_ins.shell(tmp_path, script), *flags) as process:
        found, out, errors = ended(process)
    assert (found, out) == (status, "")
    assert words in errors


@pytest.mark.parametrize(
    "script, signals, status",
    [
        # Without a handler, as TF Serving: it dies of the signal, which was wanted.
        ("echo up >&2; exec sleep 60", [signal.SIGTERM], 0),
        (
            "trap '' INT TERM; echo up >&2; exec sleep 60",
            [signal.SIGINT, signal.SIGTERM],
            128 + signal.SIGKILL,
        ),
        (
            'sleep 60 & trap "kill $!; exit 3" TERM; echo up >&2; wait',
            [signal.SIGTERM],
            3,
        ),
    ],
    ids=["dies of it", "ignores it", "handles it"],
)
def test_signals_are_forwarded(toys, tmp_path, script, signals, status):
    flags = (f"--model_base_path={toys / 'upper'}", "--port=0")
    with launched(stand_ins.shell(tmp_path, script), *flags) as process:
        while process.stderr.readline() != "up\n":
            assert process.poll() is None
        for number in signals:
            process.send_signal(number)
        assert process.wait(30) == status


DEAF = "trap '' INT TERM; echo up >&2; exec sleep 60"


def test_second_signal_kills_the_container_too(toys, tmp_path):
    flags = ("--engine=docker", f"--model_base_path={toys / 'upper'}", "--port=0")
    with launched(stand_ins.docker(tmp_path, DEAF), *flags) as process:
        while process.stderr.readline() != "up\n":
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGKILL
    name = (tmp_path / "killed").read_text()
    assert f"--name={name}" in json.loads((tmp_path / "docker.json").read_text())


def test_container_that_takes_too_long_is_killed_too(toys, tmp_path):
    flags = ("--engine=docker", f"--model_base_path={toys / 'upper'}", "--port=0")
    folder = stand_ins.docker(tmp_path, DEAF)
    with launched(folder, *flags, "--startup_timeout_seconds=0.2") as process:
        assert process.wait(30) == 1
        name = f"keras-attention-serving-{process.pid}"
    assert (tmp_path / "killed").read_text() == name


def test_start_that_takes_too_long_is_ended(toys, tmp_path):
    flags = (f"--model_base_path={toys / 'upper'}", "--port=0")
    folder = stand_ins.shell(tmp_path, "exec sleep 60")
    with launched(folder, *flags, "--startup_timeout_seconds=0.2") as process:
        status, _, errors = ended(process)
    assert status == 1
    assert "tensorflow_model_server could not be asked within 0.2 seconds" in errors


def test_what_would_wait_for_ever_is_refused_before(toys, tmp_path):
    (tmp_path / "empty").mkdir()
    flags = (f"--model_base_path={tmp_path / 'empty'}", "--port=0")
    with launched(stand_ins.shell(tmp_path, "exit 7"), *flags) as process:
        status, _, errors = ended(process)
    assert status == 1 and "holds no versions" in errors


def test_port_that_is_taken_is_refused_before(toys, tmp_path):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        flags = (f"--model_base_path={toys / 'upper'}", f"--port={port}")
        with launched(stand_ins.shell(tmp_path, "exit 7"), *flags) as process:
            status, _, errors = ended(process)
    assert status == 1 and f"cannot listen on 0.0.0.0:{port}" in errors


def test_engine_that_is_not_there(cli, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    programs = {"binary": "tensorflow_model_server", "docker": "docker"}
    for engine, program in programs.items():
        status, _, errors = cli("serve", f"--engine={engine}", "--model_base_path=/m")
        assert status == 1
        assert errors.endswith(f"--engine={engine}: {program} is not on the PATH\n")
