"""Short flags of ours, written out as the files that TF Serving's flags name."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from serving.launcher import config_files


def write(options: argparse.Namespace, files: ExitStack) -> argparse.Namespace:
    """The same options with the files of TF Serving in place of short flags.

    Args:
        options: The command line.
        files: Removes what is written here when it is closed.

    Raises:
        ValueError: A short flag makes no sense, or says the same as a long one.
    """
    written = argparse.Namespace(**vars(options))
    texts: dict[str, str] = {}
    if options.model:
        _exclude(options, "model", "model_name", "model_base_path", "model_config_file")
        if options.model_config_file_poll_wait_seconds:
            raise ValueError(
                "--model_config_file_poll_wait_seconds is set, but --model names no "
                "file that could change"
            )
        paths = _pairs("model", options.model)
        texts["model_config_file"] = config_files.models(
            {name: absolute(path) for name, path in paths.items()}
        )
    if options.batching_parameter:
        _exclude(options, "batching_parameter", "batching_parameters_file")
        parameters = _pairs("batching_parameter", options.batching_parameter)
        texts["batching_parameters_file"] = config_files.batching(parameters)
        written.enable_batching = True
    if options.enable_metrics:
        _exclude(options, "enable_metrics", "monitoring_config_file")
        texts["monitoring_config_file"] = config_files.monitoring()
    if options.tls_key or options.tls_certificate or options.tls_client_authority:
        texts["ssl_config_file"] = _tls(options)
    if texts:
        folder = files.enter_context(tempfile.TemporaryDirectory(prefix="serving-"))
        for flag, text in texts.items():
            file = Path(folder, flag)
            file.touch(0o600)  # a key may be in it
            file.write_text(text, encoding="utf-8")
            setattr(written, flag, str(file))
    return written


def absolute(path: str) -> str:
    """TF Serving takes absolute paths and URIs only."""
    return path if "://" in path else os.path.abspath(path)


def _tls(options: argparse.Namespace) -> str:
    _exclude(options, "tls_key", "ssl_config_file")
    for name in ("tls_key", "tls_certificate"):
        if not getattr(options, name):
            raise ValueError(
                f"--{name} must be there too. Expected: a PEM file. Received: nothing"
            )
    names = ("tls_key", "tls_certificate", "tls_client_authority")
    return config_files.tls(*(_read(name, getattr(options, name)) for name in names))


def _read(name: str, file: str) -> str:
    if not file:
        return ""
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
