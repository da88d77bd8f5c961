"""Flags of ``serve``: TF Serving's, and ours beside them.

Each is a row of a table: its name, its default and a word on it. A type instead of a
default means that there is none, several values mean a choice of which the first is
the default.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any

from serving.server.observability.call_log import FORMATS

IMAGE = "tensorflow/serving:2.20.0"
#: TF Serving's default of ``--model_name``, which the parser leaves out: whether the
#: flag was given matters.
MODEL_NAME = "default"

#: They change what clients see, so starting without them would mislead.
UNSUPPORTED = (
    "enable_per_model_batching_parameters",
    "enable_serialization_as_tensor_content",
    "enable_signature_method_name_check",
    "grpc_socket_path",
    "mixed_precision",
    "platform_config_file",
    "prefer_tflite_model",
    "tensorflow_session_config_file",
    "thread_pool_factory_config_file",
    "use_alts_credentials",
)
#: They tune what the embedded engine does not have.
WITHOUT_EFFECT = (
    "enable_profiler",
    "flush_filesystem_caches",
    "num_tflite_interpreters_per_pool",
    "num_tflite_pools",
    "num_unload_threads",
    "remove_unused_fields_from_bundle_metagraph",
    "skip_initialize_tpu",
)
#: Their defaults here are not those of TF Serving.
_OTHER_DEFAULTS = ("enable_grpc_healthcheck_service", "max_num_load_retries")

_ENGINES = ("auto", "binary", "docker", "embedded")
_Rows = tuple[tuple[str, Any, str], ...]
_TF_SERVING: _Rows = (
    ("port", 8500, "gRPC port, 0 for any"),
    ("rest_api_port", 0, "REST port, 0 for no REST"),
    ("model_name", str, f"name of the model ({MODEL_NAME})"),
    ("model_base_path", "", "folder of numbered versions"),
    ("model_config_file", "", "ModelServerConfig as text"),
    ("model_config_file_poll_wait_seconds", 0.0, "between looks at it, 0 for never"),
    (
        "allow_version_labels_for_unavailable_models",
        False,
        "let unused labels name versions that are not available",
    ),
    ("num_load_threads", 0, "loads at once, 0: automatic"),
    ("max_num_load_retries", 0, "further attempts after a failed load"),
    ("load_retry_interval_micros", 60_000_000, "time between them"),
    ("enable_batching", False, "merge requests of several callers"),
    ("batching_parameters_file", "", "BatchingParameters as text"),
    ("enable_model_warmup", True, "answer a model's requests first"),
    ("num_request_iterations_for_warmup", 1, "how often each of them"),
    ("file_system_poll_wait_seconds", 1.0, "between looks for versions, 0 for never"),
    ("grpc_max_threads", int, "calls at once (four per processor, more with batching)"),
    ("grpc_channel_arguments", "", "name=value,..."),
    ("enable_grpc_healthcheck_service", True, "gRPC health service"),
    ("saved_model_tags", "serve", "tags, by comma"),
    ("tensorflow_session_parallelism", 0, "threads"),
    ("tensorflow_intra_op_parallelism", 0, "threads"),
    ("tensorflow_inter_op_parallelism", 0, "threads"),
    ("per_process_gpu_memory_fraction", 0.0, "0 to 1"),
    ("xla_cpu_compilation_enabled", bool, "let graphs use XLA (embedded: true)"),
    ("xla_gpu_compilation_enabled", False, "let graphs use XLA"),
    ("rest_api_num_threads", 4 * (os.cpu_count() or 1), "REST calls computed at once"),
    ("rest_api_timeout_in_ms", 30_000, "0 for no limit"),
    ("rest_api_enable_cors_support", False, "other sites may call"),
    ("monitoring_config_file", "", "MonitoringConfig as text"),
    ("ssl_config_file", "", "SSLConfig as text"),
)
_OWN: _Rows = (
    ("engine", _ENGINES, "auto: a tensorflow_model_server of the PATH, else embedded"),
    ("host", "0.0.0.0", "address to listen on"),
    ("drain_seconds", float, "for calls in flight after SIGTERM, embedded only (20)"),
    ("docker_image", IMAGE, "image of --engine=docker"),
    ("startup_timeout_seconds", 600.0, "until a tensorflow_model_server must answer"),
    ("ui", False, "a page for people at / of the REST port, embedded only"),
    ("log_format", FORMATS, "of the log"),
    ("log_requests", False, "log one line a call, without what was in it"),
)
_INSTEAD_OF_FILES: _Rows = (
    ("model", [], "NAME=PATH, may be repeated; instead of --model_config_file"),
    ("batching_parameter", [], "NAME=VALUE; instead of --batching_parameters_file"),
    ("enable_metrics", False, "instead of --monitoring_config_file"),
    ("tls_key", "", "private key, a PEM file; instead of --ssl_config_file"),
    ("tls_certificate", "", "certificates of the server, a PEM file"),
    ("tls_client_authority", "", "clients need its certificates, a PEM file"),
)

#: Flags that TF Serving does not have.
OWN = tuple(name for name, _, _ in (*_OWN, *_INSTEAD_OF_FILES))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds all flags."""
    own = parser.add_argument_group("not in TF Serving")
    short = parser.add_argument_group("instead of files, which are written for you")
    for group, rows in ((parser, _TF_SERVING), (own, _OWN), (short, _INSTEAD_OF_FILES)):
        for name, default, text in rows:
            shown = default[0] if isinstance(default, tuple) else default
            if not isinstance(default, type) and shown not in ("", []):
                text += f" ({_text(shown)})"
            group.add_argument(f"--{name}", help=text, **_settings(default))
    for name in (*UNSUPPORTED, *WITHOUT_EFFECT):
        parser.add_argument(
            f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS
        )


def _settings(default: Any) -> dict[str, Any]:
    if default is bool:
        return {"type": boolean, "nargs": "?", "const": True}
    if isinstance(default, type):
        return {"type": default}
    if isinstance(default, tuple):
        return {"choices": default, "default": default[0]}
    if isinstance(default, list):
        return {"action": "append", "default": default}
    if isinstance(default, bool):
        return {"type": boolean, "nargs": "?", "const": True, "default": default}
    return {"type": type(default), "default": default}


def boolean(word: str) -> bool:
    """``true`` or ``false``, as TF Serving spells them."""
    if word.lower() in ("true", "1"):
        return True
    if word.lower() in ("false", "0"):
        return False
    raise argparse.ArgumentTypeError(f"Expected: true or false. Received: {word!r}")


def given(options: argparse.Namespace) -> dict[str, str]:
    """TF Serving's flags that it has to be told, as text: those with a choice of
    the user, or a default that is not TF Serving's."""
    usual = {
        name: None if isinstance(default, type) else default
        for name, default, _ in _TF_SERVING
    }
    usual |= dict.fromkeys((*UNSUPPORTED, *WITHOUT_EFFECT))
    return {
        name: _text(value)
        for name, value in vars(options).items()
        if name in usual and (value != usual[name] or name in _OTHER_DEFAULTS)
    }


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def refuse_unsupported(options: argparse.Namespace) -> None:
    """Raises ValueError for a flag that the embedded engine cannot honour."""
    for name in UNSUPPORTED:
        value = getattr(options, name)
        if value is not None and value.lower() not in ("", "0", "false"):
            raise ValueError(
                f"--{name}={value} is not supported by the embedded engine"
            )


def warnings(options: argparse.Namespace, unknown: Iterable[str]) -> list[str]:
    """One line for each flag that is understood by nobody or changes nothing."""
    lines = [f"unknown argument: {word}" for word in unknown]
    for name in WITHOUT_EFFECT:
        if getattr(options, name) is not None:
            lines.append(f"--{name} has no effect in the embedded engine")
    return lines
