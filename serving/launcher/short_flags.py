"""Short flags of ours, written out as the files that TF Serving's flags name.

The wheel ``tensorflow-serving-api`` has the messages for models only, so the files are
written with our own.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from google.protobuf import json_format, text_format

from serving.messages import (
    batching_pb2,
    config_pb2,
    monitoring_config_pb2,
    ssl_config_pb2,
)


def write(options: argparse.Namespace, files: ExitStack) -> argparse.Namespace:
    """The same options with the files of TF Serving in place of short flags.

    Args:
        options: The command line.
        files: Removes what is written here when it is closed.

    Raises:
        ValueError: A short flag makes no sense, or says the same as a long one.
    """
    written = argparse.Namespace(**vars(options))
    messages = {}
    if options.model:
        _exclude(options, "model", "model_name", "model_base_path", "model_config_file")
        if options.model_config_file_poll_wait_seconds:
            raise ValueError(
                "--model_config_file_poll_wait_seconds is set, but --model names no "
                "file that could change"
            )
        messages["model_config_file"] = _models(_pairs("model", options.model))
    if options.batching_parameter:
        _exclude(options, "batching_parameter", "batching_parameters_file")
        parameters = _pairs("batching_parameter", options.batching_parameter)
        messages["batching_parameters_file"] = _batching(parameters)
        written.enable_batching = True
    if options.enable_metrics:
        _exclude(options, "enable_metrics", "monitoring_config_file")
        monitoring = monitoring_config_pb2.MonitoringConfig()
        monitoring.prometheus_config.enable = True
        messages["monitoring_config_file"] = monitoring
    if options.tls_key or options.tls_certificate or options.tls_client_authority:
        messages["ssl_config_file"] = _tls(options)
    if messages:
        folder = files.enter_context(tempfile.TemporaryDirectory(prefix="serving-"))
        for flag, message in messages.items():
            file = Path(folder, flag)
            file.touch(0o600)  # a key may be in it
            file.write_text(text_format.MessageToString(message), encoding="utf-8")
            setattr(written, flag, str(file))
    return written


def absolute(path: str) -> str:
    """TF Serving takes absolute paths and URIs only."""
    return path if "://" in path else os.path.abspath(path)


def _models(base_paths: dict[str, str]) -> config_pb2.ModelServerConfig:
    message = config_pb2.ModelServerConfig()
    for name, path in base_paths.items():
        message.model_config_list.config.add(
            name=name, base_path=absolute(path), model_platform="tensorflow"
        )
    return message


def _batching(parameters: dict[str, str]) -> batching_pb2.BatchingParameters:
    fields = batching_pb2.BatchingParameters.DESCRIPTOR.fields_by_name
    message = batching_pb2.BatchingParameters()
    for name, text in parameters.items():
        if name not in fields:
            raise ValueError(
                "--batching_parameter must be one of TF Serving's. "
                f"Expected: any of {sorted(fields)}. Received: {name!r}"
            )
        try:
            value: object
            if name == "allowed_batch_sizes":
                value = [int(word) for word in text.split(",")]
            else:
                value = text if name == "thread_pool_name" else json.loads(text)
            json_format.ParseDict({name: value}, message)
        except (ValueError, json_format.ParseError):
            raise ValueError(
                f"--batching_parameter: {name} cannot be {text!r}"
            ) from None
    return message


def _tls(options: argparse.Namespace) -> ssl_config_pb2.SSLConfig:
    _exclude(options, "tls_key", "ssl_config_file")
    for name in ("tls_key", "tls_certificate"):
        if not getattr(options, name):
            raise ValueError(
                f"--{name} must be there too. Expected: a PEM file. Received: nothing"
            )
    message = ssl_config_pb2.SSLConfig(
        server_key=_read(options, "tls_key"),
        server_cert=_read(options, "tls_certificate"),
    )
    if options.tls_client_authority:
        message.custom_ca = _read(options, "tls_client_authority")
        message.client_verify = True
    return message


def _read(options: argparse.Namespace, name: str) -> str:
    file = getattr(options, name)
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"--{name}: {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"--{name}: {file} must be PEM text") from error


def _exclude(options: argparse.Namespace, short: str, *others: str) -> None:
    for other in others:
        if getattr(options, other):
            raise ValueError(f"--{short} and --{other} contradict each other")


def _pairs(flag: str, written: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in written:
        name, separator, value = pair.partition("=")
        if not (separator and name and value):
            raise ValueError(
                f"--{flag} must be a pair. Expected: NAME=VALUE. Received: {pair!r}"
            )
        if name in pairs:
            raise ValueError(f"--{flag}: {name} is there twice")
        pairs[name] = value
    return pairs
