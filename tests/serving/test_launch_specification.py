"""What the stock server is told: flags, files, folders, and what is refused before."""

from __future__ import annotations

import argparse
import os
import re
from contextlib import ExitStack

import pytest
import trustme

from serving.commands import serve
from serving.errors import StartupFailed
from serving.launcher import flag_contradictions, short_flags
from serving.launcher.flags import OWN
from serving.launcher.installations import Binary, Docker
from serving.launcher.launch_specification import specify
from serving.server.batching import BatchingOptions, read_options
from serving.server.config.config_file import ConfigFile
from serving.server.tls import read_tls
from tests.serving.conftest import ROOT
from tests.serving.stand_ins import flags_of


def launch(installation, *words, files=None):
    """What a command line starts, with the warnings that come before."""
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    options, unknown = parser.parse_known_args(words)
    with ExitStack() as kept:
        options = short_flags.write(options, kept if files is None else files)
        flag_contradictions.check(options)
        told = specify(options, unknown)
        return installation.command(told, options.host), list(told.warnings)


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
    assert found.words[0] == "/opt/tensorflow_model_server"
    assert flags_of(found.words) == TRAPS | {
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
        "--rest_api_port=8501",
        "--ui",
    )
    found, warnings = launch(BINARY, *words)
    ours = ("--log_requests", "--drain_seconds=3", "--ui", "--prefer_tflite_model")
    expected = {*words} - {*ours} | {"--prefer_tflite_model=true", "--port=8500"}
    assert {*found.words[1:]} == expected
    assert found.environment == {}
    assert warnings[0] == "unknown argument: --new_flag=1"
    assert "--drain_seconds" in warnings[1]
    assert "--ui" in warnings[2] and "--engine=embedded" in warnings[2]
    assert "--log_requests" in warnings[3]


# Those of TF Serving 2.20, but --version.
FLAGS = """
allow_version_labels_for_unavailable_models batching_parameters_file enable_batching
enable_grpc_healthcheck_service enable_model_warmup enable_per_model_batching_parameters
enable_profiler enable_serialization_as_tensor_content
enable_signature_method_name_check file_system_poll_wait_seconds
flush_filesystem_caches grpc_channel_arguments grpc_max_threads grpc_socket_path
load_retry_interval_micros max_num_load_retries mixed_precision model_base_path
model_config_file model_config_file_poll_wait_seconds model_name monitoring_config_file
num_load_threads num_request_iterations_for_warmup num_tflite_interpreters_per_pool
num_tflite_pools num_unload_threads per_process_gpu_memory_fraction platform_config_file
port prefer_tflite_model remove_unused_fields_from_bundle_metagraph
rest_api_enable_cors_support rest_api_num_threads rest_api_port rest_api_timeout_in_ms
saved_model_tags skip_initialize_tpu ssl_config_file tensorflow_inter_op_parallelism
tensorflow_intra_op_parallelism tensorflow_session_config_file
tensorflow_session_parallelism thread_pool_factory_config_file use_alts_credentials
xla_cpu_compilation_enabled xla_gpu_compilation_enabled
""".split()


def test_flags_are_those_of_tf_serving_and_ours():
    parser = argparse.ArgumentParser(add_help=False)
    serve.add_arguments(parser)
    known = set(vars(parser.parse_args([])))
    assert known == {*FLAGS, *OWN}
    assert not {*FLAGS} & {*OWN}


def test_every_flag_is_documented():
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    listed = [word for row in rows for word in re.findall(r"`(\w+)`", row)]
    assert {name: listed.count(name) for name in (*FLAGS, *OWN)} == dict.fromkeys(
        (*FLAGS, *OWN), 1
    )


def test_port_0_is_any_port():
    found, _ = launch(BINARY, "--model_base_path=/m", "--port=0")
    assert int(flags_of(found.words)["port"]) > 0


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
        flags = flags_of(found.words)
        assert flags["enable_batching"] == "true"
        ssl_config = flags["ssl_config_file"]
        assert os.stat(ssl_config).st_mode & 0o77 == 0

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
    image = found.words.index("tensorflow/serving:2.20.0-gpu")
    before, after = found.words[:image], found.words[image + 1 :]
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


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_docker_publishes_ipv6_addresses(host):
    found, _ = launch(DOCKER, "--model_base_path=/m", f"--host={host}")
    assert "--publish=[::1]:8500:8500" in found.words


@pytest.mark.parametrize(
    "installation, flags, words",
    [
        (BINARY, ["--host=127.0.0.1"], "listens on all addresses"),
        (BINARY, ["--file_system_poll_wait_seconds=0.5"], "Expected: whole seconds"),
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
        (BINARY, ["--model=m=/m", "--model_name=x"], "--model and --model_name"),
        (BINARY, ["--batching_parameter=speed=1"], "Expected: any of .*speed"),
        (BINARY, ["--batching_parameter=max_batch_size=x"], "cannot be 'x'"),
        (BINARY, ["--batching_parameter=max_batch_size"], "Expected: NAME=VALUE"),
        (BINARY, ["--tls_key=x"], "--tls_certificate must be there too"),
        (
            BINARY,
            ["--tls_key=/nowhere", "--tls_certificate=x"],
            "--tls_key: /nowhere: No such file",
        ),
        (BINARY, ["--enable_metrics"], "needs --rest_api_port"),
        (BINARY, ["--port=70000"], "--port must be a port. Expected: 0 to 65535"),
    ],
)
def test_contradictions_are_refused(installation, flags, words):
    with pytest.raises(ValueError, match=words):
        launch(installation, "--model_base_path=/m", *flags)


WITHOUT_EFFECT = {
    "--model_config_file=f --model_name=default": (
        "--model_name has no effect with --model_config_file, which has the names"
    ),
    "--model_base_path=/m --model_config_file_poll_wait_seconds=5": (
        "--model_config_file_poll_wait_seconds has no effect without "
        "--model_config_file"
    ),
    "--model_base_path=/m --rest_api_enable_cors_support": (
        "--rest_api_enable_cors_support has no effect without --rest_api_port"
    ),
    "--model_base_path=/m --enable_model_warmup=false "
    "--num_request_iterations_for_warmup=3": (
        "--num_request_iterations_for_warmup has no effect with "
        "--enable_model_warmup=false"
    ),
    "--model_base_path=/m --model_name=m --num_request_iterations_for_warmup=3": None,
    "--model_base_path=/m --rest_api_port=1 --rest_api_enable_cors_support": None,
    "--model_config_file=f --model_config_file_poll_wait_seconds=5": None,
    "--model_base_path=/m --enable_model_warmup=false": None,
}


@pytest.mark.parametrize("words", WITHOUT_EFFECT)
def test_what_tf_serving_ignores_is_told(words):
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    options = parser.parse_args(words.split())
    flag_contradictions.check(options)
    assert [*flag_contradictions.ignored(options), None][0] == WITHOUT_EFFECT[words]


@pytest.mark.parametrize(
    "flag, text, line",
    [
        ("model_config_file", "model_config_list {\n  config { name: 3 }\n}", 2),
        ("batching_parameters_file", "\n\nmax_batch_size: 8", 3),
        ("batching_parameters_file", "\nnum_batch_threads { value: 0 }", 2),
        ("monitoring_config_file", "prometheus_config {", 1),
        ("ssl_config_file", "\nserver_key: 'x'\nserver_cert: 'y'", 3),
    ],
)
def test_files_that_make_no_sense_are_refused_with_the_line(tmp_path, flag, text, line):
    file = tmp_path / "some.config"
    file.write_text(text)
    words = [f"--{flag}={file}"]
    if flag != "model_config_file":
        words.append("--model_base_path=/m")
    if flag.startswith("batching"):
        words.append("--enable_batching")
    if flag.startswith("monitoring"):
        words.append("--rest_api_port=8501")
    with pytest.raises(StartupFailed, match=f"^{re.escape(f'{file}:{line}:')}"):
        launch(BINARY, *words)


def test_files_that_are_not_there_are_refused():
    with pytest.raises(StartupFailed, match="^/nowhere: No such file"):
        launch(BINARY, "--model_config_file=/nowhere")
