"""TF Serving's flags: which are honoured, which cannot be, which do not matter."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

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

#: They tune what this engine does not have.
WITHOUT_EFFECT = (
    "enable_profiler",
    "flush_filesystem_caches",
    "num_tflite_interpreters_per_pool",
    "num_tflite_pools",
    "num_unload_threads",
    "remove_unused_fields_from_bundle_metagraph",
    "skip_initialize_tpu",
)

#: Flags that TF Serving does not have.
OWN = (
    "batching_parameter",
    "docker_image",
    "drain_seconds",
    "enable_metrics",
    "engine",
    "host",
    "log_format",
    "log_requests",
    "model",
    "startup_timeout_seconds",
    "tls_certificate",
    "tls_client_authority",
    "tls_key",
)

#: Their defaults here are not those of TF Serving.
OTHER_DEFAULTS = ("enable_grpc_healthcheck_service", "max_num_load_retries")

IMAGE = "tensorflow/serving:2.20.0"

#: TF Serving's default of ``--model_name``, which the parser leaves out: whether the
#: flag was given matters.
MODEL_NAME = "default"

_OFF = ("", "0", "false")


def boolean(word: str) -> bool:
    """``true`` or ``false``, as TF Serving spells them."""
    if word.lower() in ("true", "1"):
        return True
    if word.lower() in ("false", "0"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, received {word!r}")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds TF Serving's flags and our own."""
    flag = parser.add_argument
    flag("--port", type=int, default=8500, help="gRPC port, 0 for any (%(default)s)")
    flag("--model_name", help=f"name of the model ({MODEL_NAME})")
    flag("--model_base_path", default="", help="folder of numbered versions")
    flag("--model_config_file", default="", help="ModelServerConfig as text")
    flag(
        "--model_config_file_poll_wait_seconds",
        type=float,
        default=0.0,
        help="seconds between looks at that file, 0 for never (%(default)s)",
    )
    switch(
        parser,
        "--allow_version_labels_for_unavailable_models",
        False,
        "let unused labels name versions that are not available",
    )
    flag("--num_load_threads", type=int, default=0, help="loads at once, 0: automatic")
    flag(
        "--max_num_load_retries",
        type=int,
        default=0,
        help="further attempts after a failed load (%(default)s)",
    )
    flag(
        "--load_retry_interval_micros",
        type=int,
        default=60_000_000,
        help="time between them (%(default)s)",
    )
    switch(parser, "--enable_batching", False, "merge requests of several callers")
    flag("--batching_parameters_file", default="", help="BatchingParameters as text")
    switch(parser, "--enable_model_warmup", True, "answer a model's requests first")
    flag(
        "--num_request_iterations_for_warmup",
        type=int,
        default=1,
        help="how often each of them (%(default)s)",
    )
    flag(
        "--file_system_poll_wait_seconds",
        type=float,
        default=1.0,
        help="seconds between looks for new versions, 0 for never (%(default)s)",
    )
    flag(
        "--grpc_max_threads",
        type=int,
        help="calls computed at once (four per processor, more with batching)",
    )
    flag("--grpc_channel_arguments", default="", help="name=value,...")
    switch(parser, "--enable_grpc_healthcheck_service", True, "gRPC health service")
    flag("--saved_model_tags", default="serve", help="tags, by comma (%(default)s)")
    flag("--tensorflow_session_parallelism", type=int, default=0, help="threads")
    flag("--tensorflow_intra_op_parallelism", type=int, default=0, help="threads")
    flag("--tensorflow_inter_op_parallelism", type=int, default=0, help="threads")
    flag("--per_process_gpu_memory_fraction", type=float, default=0.0, help="0 to 1")
    switch(parser, "--xla_cpu_compilation_enabled", False, "let graphs use XLA")
    switch(parser, "--xla_gpu_compilation_enabled", False, "let graphs use XLA")
    for name in (*UNSUPPORTED, *WITHOUT_EFFECT):
        flag(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)
    own = parser.add_argument_group("not in TF Serving")
    own.add_argument(
        "--engine",
        choices=("auto", "binary", "docker", "embedded"),
        default="auto",
        help="what serves; auto takes a tensorflow_model_server of the PATH if there "
        "is one, else the embedded engine (%(default)s)",
    )
    own.add_argument(
        "--host", default="0.0.0.0", help="address to listen on (%(default)s)"
    )
    own.add_argument(
        "--drain_seconds",
        type=float,
        help="how long calls in flight may take after SIGTERM, in the embedded engine "
        "(20)",
    )
    own.add_argument(
        "--docker_image", default=IMAGE, help="image of --engine=docker (%(default)s)"
    )
    own.add_argument(
        "--startup_timeout_seconds",
        type=float,
        default=600.0,
        help="until when a tensorflow_model_server must answer (%(default)s)",
    )


def switch(
    parser: argparse.ArgumentParser, name: str, default: bool, text: str
) -> None:
    parser.add_argument(
        name,
        type=boolean,
        nargs="?",
        const=True,
        default=default,
        help=f"{text} ({str(default).lower()})",
    )


def refuse_unsupported(options: argparse.Namespace) -> None:
    """Raises ValueError for a flag that this engine cannot honour."""
    for name in UNSUPPORTED:
        value = getattr(options, name)
        if value is not None and value.lower() not in _OFF:
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
