"""Launch specification: what a ``tensorflow_model_server`` is told."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from serving.launcher.flags import MODEL_NAME, given
from serving.launcher.short_flags import absolute
from serving.messages import config_pb2, monitoring_config_pb2
from serving.server.addresses import check_address
from serving.server.batching import BatchingOptions, read_options
from serving.server.config.text_format import ConfigError, read_config
from serving.server.tls import read_tls
from serving.server.versions.version_folders import check_base_path

#: Flags that name files which the server reads.
FILES = (
    "batching_parameters_file",
    "model_config_file",
    "monitoring_config_file",
    "platform_config_file",
    "ssl_config_file",
    "tensorflow_session_config_file",
    "thread_pool_factory_config_file",
)

_SECONDS = ("file_system_poll_wait_seconds", "model_config_file_poll_wait_seconds")


@dataclass(frozen=True)
class LaunchSpecification:
    """Flags, and what has to be known of them to run the server.

    Attributes:
        flags: Value by name.
        others: Words of the command line that nobody here knows; passed on.
        models: Base path by name of the model.
        port: For gRPC.
        rest_port: For REST; 0 without.
        warnings: What the user should know before.
    """

    flags: Mapping[str, str]
    others: Sequence[str]
    models: Mapping[str, str]
    port: int
    rest_port: int
    warnings: Sequence[str]

    @property
    def encrypted(self) -> bool:
        """Whether gRPC's port is."""
        return "ssl_config_file" in self.flags or "use_alts_credentials" in self.flags

    @property
    def polls_models(self) -> bool:
        """Whether the file of models is looked at again."""
        return "model_config_file_poll_wait_seconds" in self.flags

    @property
    def local(self) -> dict[str, Path]:
        """Base paths that are folders of this machine."""
        return {
            name: Path(path.removeprefix("file://"))
            for name, path in self.models.items()
            if "://" not in path.removeprefix("file://")
        }

    @property
    def environment(self) -> dict[str, str]:
        """What to add to the environment: GPU memory is taken as it is needed, unless
        told otherwise; TensorFlow takes all."""
        name = "TF_FORCE_GPU_ALLOW_GROWTH"
        if "per_process_gpu_memory_fraction" in self.flags or name in os.environ:
            return {}
        return {name: "true"}

    def words(self, files: Mapping[str, str] | None = None) -> list[str]:
        """The command line after the name of the program.

        Args:
            files: Where the server finds files, by flag, if not where they are here.
        """
        flags = {**self.flags, **(files or {})}
        return [*(f"--{name}={value}" for name, value in flags.items()), *self.others]

    def check(self, host: str) -> None:
        """Finds out what would keep the server waiting for ever.

        Raises:
            ModelLoadFailed: There is no version of a model.
            StartupFailed: A port is taken.
        """
        for name, path in self.local.items():
            check_base_path(name, path)
        for port in filter(None, (self.port, self.rest_port)):
            check_address(host, port)


def specify(options: argparse.Namespace, unknown: Sequence[str]) -> LaunchSpecification:
    """What a command line means for a ``tensorflow_model_server``.

    Args:
        options: The command line.
        unknown: Words of it that nobody here knows.

    Raises:
        ConfigError: A file cannot be read.
        ValueError: A flag cannot be honoured.
    """
    flags = given(options)
    for name in _SECONDS:
        if not getattr(options, name).is_integer():
            raise ValueError(
                f"--{name} must be what TF Serving takes. Expected: whole seconds. "
                f"Received: {getattr(options, name)}"
            )
    if options.ssl_config_file and options.rest_api_port:
        raise ValueError(
            "--ssl_config_file and --rest_api_port contradict each other: "
            "tensorflow_model_server never encrypts REST; leave one of them out, or "
            "take --engine=embedded, which encrypts both"
        )
    batching = _read_files(options)
    port = options.port or _free_port()
    flags["port"] = str(port)
    arguments = options.grpc_channel_arguments
    if "grpc.so_reuseport" not in arguments:
        # With it a second server would share the port without a word.
        arguments = ",".join(filter(None, (arguments, "grpc.so_reuseport=0")))
    flags["grpc_channel_arguments"] = arguments
    if options.model_base_path:
        flags["model_base_path"] = absolute(options.model_base_path)
        models = {options.model_name or MODEL_NAME: flags["model_base_path"]}
    else:
        models = _listed(options.model_config_file)
    for name in FILES:
        if name in flags:
            flags[name] = os.path.abspath(flags[name])
    return LaunchSpecification(
        flags=flags,
        others=tuple(unknown),
        models=models,
        port=port,
        rest_port=options.rest_api_port,
        warnings=tuple(_warnings(options, unknown, batching)),
    )


def _read_files(options: argparse.Namespace) -> BatchingOptions | None:
    """Reads what the server will read, which says less of what is wrong with it."""
    if options.ssl_config_file:
        read_tls(options.ssl_config_file)
    if options.monitoring_config_file:
        kind = monitoring_config_pb2.MonitoringConfig
        read_config(options.monitoring_config_file, kind)
    if options.batching_parameters_file:
        return read_options(Path(options.batching_parameters_file))
    return None


def _warnings(
    options: argparse.Namespace,
    unknown: Sequence[str],
    batching: BatchingOptions | None,
) -> list[str]:
    lines = [f"unknown argument: {word}" for word in unknown]
    without = "has no effect with tensorflow_model_server"
    if options.drain_seconds is not None:
        lines.append(f"--drain_seconds {without}, which stops at once")
    if options.ui:
        lines.append(f"--ui {without}, which has no page: use --engine=embedded")
    if options.log_requests:
        lines.append(f"--log_requests {without}, which logs no requests")
    if options.log_format != "text":
        lines.append(f"--log_format {without} itself")
    if batching is not None and batching.mix_lengths:
        lines.append(
            "pad_variable_length_inputs: tensorflow_model_server pads with the first "
            "element of each tensor, which changes what models compute"
        )
    return lines


def _listed(file: str) -> dict[str, str]:
    # A newer server may know more than this: it will say what it does not like.
    try:
        text = Path(file).read_text(encoding="utf-8")
        message = text_format.Parse(
            text, config_pb2.ModelServerConfig(), allow_unknown_field=True
        )
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (UnicodeDecodeError, text_format.ParseError):
        read_config(file, config_pb2.ModelServerConfig)  # says where
        raise
    return {item.name: item.base_path for item in message.model_config_list.config}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
