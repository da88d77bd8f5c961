"""The stock server behind our command: what it is told, and what becomes of signals.

Programs of :mod:`tests.serving.stand_ins` take its place here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest
import trustme

import serving
from serving.commands import serve
from serving.engines import contradictions, shorthand
from serving.engines.binary import Binary
from serving.engines.docker import Docker
from serving.engines.orders import orders
from serving.errors import StartupFailed
from tests.serving import stand_ins
from tests.serving.conftest import ROOT, free_port
from tests.serving.web import ask


def launch(place, *words, files=None):
    """What a command line starts, with the warnings that come before."""
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    options, unknown = parser.parse_known_args(words)
    with ExitStack() as kept:
        options = shorthand.write(options, kept if files is None else files)
        contradictions.check(options)
        told = orders(options, serve.given(options), unknown)
        return place.launch(told, options.host), list(told.warnings)


def flags_of(command):
    words = (word[2:].partition("=") for word in command if word.startswith("--"))
    return {name: value for name, _, value in words}


BINARY = Binary("/opt/tensorflow_model_server")
DOCKER = Docker("/opt/docker", "tensorflow/serving:2.20.0-gpu")
TRAPS = {
    "enable_grpc_healthcheck_service": "true",
    "grpc_channel_arguments": "grpc.so_reuseport=0",
    "max_num_load_retries": "0",
}


def test_what_the_binary_is_told(monkeypatch):
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    found, warnings = launch(BINARY, "--model_base_path=/m", "--rest_api_port=8501")
    assert found.command[0] == "/opt/tensorflow_model_server"
    assert flags_of(found.command) == TRAPS | {
        "port": "8500",
        "rest_api_port": "8501",
        "model_base_path": "/m",
    }
    assert found.environment == {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    assert warnings == []


def test_choices_of_the_user_win():
    words = (
        "--model_base_path=gs://bucket/m",
        "--max_num_load_retries=2",
        "--enable_grpc_healthcheck_service=false",
        "--grpc_channel_arguments=grpc.so_reuseport=1,grpc.max_connection_age_ms=9",
        "--per_process_gpu_memory_fraction=0.5",
        "--file_system_poll_wait_seconds=30",
        "--mixed_precision=bfloat16",
        "--prefer_tflite_model",
        "--new_flag=1",
        "--log_requests",
        "--drain_seconds=3",
    )
    found, warnings = launch(BINARY, *words)
    ours = ("--log_requests", "--drain_seconds=3", "--prefer_tflite_model")
    expected = {*words} - {*ours} | {"--prefer_tflite_model=true", "--port=8500"}
    assert {*found.command[1:]} == expected
    assert found.environment == {}
    assert warnings[0] == "unknown argument: --new_flag=1"
    assert "--drain_seconds" in warnings[1]
    assert "--log_requests" in warnings[2]


def test_port_0_is_any_port():
    found, _ = launch(BINARY, "--model_base_path=/m", "--port=0")
    assert int(flags_of(found.command)["port"]) > 0


def test_padding_is_warned_about(tmp_path):
    file = tmp_path / "batching.config"
    file.write_text("pad_variable_length_inputs: true")
    words = ("--enable_batching", f"--batching_parameters_file={file}")
    _, (warning,) = launch(BINARY, "--model_base_path=/m", *words)
    assert warning.startswith("pad_variable_length_inputs: ")


def test_short_flags_become_files(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    pems = {
        "key": certificate.private_key_pem.bytes(),
        "certificate": certificate.cert_chain_pems[0].bytes(),
        "client_authority": authority.cert_pem.bytes(),
    }
    for name, pem in pems.items():
        (tmp_path / name).write_bytes(pem)
    with ExitStack() as files:
        found, _ = launch(
            BINARY,
            "--model=a=/models/a",
            "--model=b=models/b",
            "--batching_parameter=max_batch_size=8",
            "--batching_parameter=allowed_batch_sizes=4,8",
            "--batching_parameter=enable_large_batch_splitting=true",
            *(f"--tls_{name}={tmp_path / name}" for name in pems),
            files=files,
        )
        flags = flags_of(found.command)
        assert flags["enable_batching"] == "true"
        ssl_config = flags["ssl_config_file"]
        assert os.stat(ssl_config).st_mode & 0o77 == 0
        from serving.embedded.batching import BatchingOptions, read_options
        from serving.embedded.config_file import ConfigFile
        from serving.embedded.tls import read_tls

        models = ConfigFile(flags["model_config_file"]).first()
        assert {name: str(model.base_path) for name, model in models.items()} == {
            "a": "/models/a",
            "b": os.path.abspath("models/b"),
        }
        assert read_options(flags["batching_parameters_file"]) == BatchingOptions(
            8, allowed_batch_sizes=(4, 8), max_execution_batch_size=8
        )
        tls = read_tls(ssl_config)
        assert (tls.key, tls.certificates) == (pems["key"], pems["certificate"])
        assert (tls.authorities, tls.verify_clients) == (pems["client_authority"], True)
    assert not os.path.exists(ssl_config)


def test_what_docker_is_told(tmp_path):
    config = tmp_path / "a,b" / "models.config"
    config.parent.mkdir()
    entry = 'config {{ name: "{0}" base_path: "/models/{0}" model_platform: "x" }}'
    entries = entry.format("m") + entry.format("n").replace("/models/n", "s3://n")
    config.write_text(f"model_config_list {{ {entries} }} new_field: 1")
    found, _ = launch(
        DOCKER,
        f"--model_config_file={config}",
        "--model_config_file_poll_wait_seconds=5",
        "--rest_api_port=8501",
        "--host=127.0.0.1",
    )
    image = found.command.index("tensorflow/serving:2.20.0-gpu")
    before, after = found.command[:image], found.command[image + 1 :]
    assert before[:4] == ["/opt/docker", "run", "--rm", "--init"]
    for word in (
        "--publish=127.0.0.1:8500:8500",
        "--publish=127.0.0.1:8501:8501",
        "--mount=type=bind,source=/models/m,target=/models/m,readonly",
        # The folder, since a file that is replaced would stay the old one inside.
        f'--mount=type=bind,"source={config.parent}",'
        "target=/serving-files/model_config_file,readonly",
        "--gpus=all",
        "--entrypoint=/usr/bin/tensorflow_model_server",
    ):
        assert word in before
    assert sum(word.startswith("--mount=") for word in before) == 2
    assert "--model_config_file=/serving-files/model_config_file/models.config" in after
    assert flags_of(after).items() >= TRAPS.items()
    (name,) = (word for word in before if word.startswith("--name="))
    assert found.kill == ("/opt/docker", "kill", name.removeprefix("--name="))


@pytest.mark.parametrize(
    "place, flags, words",
    [
        (BINARY, ["--host=127.0.0.1"], "listens on all addresses"),
        (BINARY, ["--file_system_poll_wait_seconds=0.5"], "expected whole seconds"),
        (
            BINARY,
            ["--ssl_config_file=x", "--rest_api_port=8501"],
            "never encrypts REST",
        ),
        (
            BINARY,
            ["--ssl_config_file=x", "--use_alts_credentials"],
            "encrypted in one way",
        ),
        (
            BINARY,
            ["--platform_config_file=x", "--enable_batching"],
            "would ignore the latter",
        ),
        (DOCKER, ["--grpc_socket_path=/x"], "inside the container"),
        (BINARY, ["--model=m=/m"], "--model and --model_base_path contradict"),
        (BINARY, ["--batching_parameter=speed=1"], "expected any of .*.*speed"),
        (BINARY, ["--batching_parameter=max_batch_size=x"], "cannot be 'x'"),
        (BINARY, ["--batching_parameter=max_batch_size"], "expected NAME=VALUE"),
        (BINARY, ["--tls_key=x"], "--tls_certificate: expected a PEM file"),
        (
            BINARY,
            ["--tls_key=/nowhere", "--tls_certificate=x"],
            "--tls_key: /nowhere: No such file",
        ),
        (BINARY, ["--enable_metrics"], "needs --rest_api_port"),
        (BINARY, ["--port=70000"], "--port: expected 0 to 65535"),
    ],
)
def test_contradictions_are_refused(place, flags, words):
    with pytest.raises(ValueError, match=words):
        launch(place, "--model_base_path=/m", *flags)


def test_malformed_file_of_models_is_refused_with_its_line(tmp_path):
    file = tmp_path / "models.config"
    file.write_text("model_config_list {\n  config { name: 3 }\n}\n")
    with pytest.raises(StartupFailed, match=f"^{re.escape(str(file))}:2:"):
        launch(BINARY, f"--model_config_file={file}")


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


def test_engine_that_is_not_there(cli, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    programs = {"binary": "tensorflow_model_server", "docker": "docker"}
    for engine, program in programs.items():
        status, _, errors = cli("serve", f"--engine={engine}", "--model_base_path=/m")
        assert status == 1
        assert errors.endswith(f"--engine={engine}: {program} is not on the PATH\n")
