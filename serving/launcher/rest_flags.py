"""Flags for REST, metrics, TLS and logs, and what they mean for a server."""

from __future__ import annotations

import argparse
import os

from serving.launcher.tf_serving_flags import switch
from serving.messages import monitoring_config_pb2
from serving.server import RestOptions
from serving.server.config.text_format import read_config
from serving.server.observability.call_log import FORMATS
from serving.server.options import METRICS_PATH
from serving.server.tls import Tls, read_tls


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds TF Serving's flags and our own."""
    flag = parser.add_argument
    flag("--rest_api_port", type=int, default=0, help="0 for no REST (%(default)s)")
    flag(
        "--rest_api_num_threads",
        type=int,
        default=4 * (os.cpu_count() or 1),
        help="REST calls computed at once (%(default)s)",
    )
    flag(
        "--rest_api_timeout_in_ms",
        type=int,
        default=30_000,
        help="0 for no limit (%(default)s)",
    )
    switch(parser, "--rest_api_enable_cors_support", False, "other sites may call")
    flag("--monitoring_config_file", default="", help="MonitoringConfig as text proto")
    flag("--ssl_config_file", default="", help="SSLConfig as text proto")
    logs = parser.add_argument_group("logs, not in TF Serving")
    logs.add_argument(
        "--log_format", choices=FORMATS, default="text", help="(%(default)s)"
    )
    logs.add_argument(
        "--log_requests",
        action="store_true",
        help="log one line a call, without what was in it",
    )


def rest_options(options: argparse.Namespace) -> RestOptions | None:
    """How REST is wanted; None without it.

    Raises:
        ConfigError: The monitoring configuration cannot be read.
    """
    if not options.rest_api_port:
        return None
    return RestOptions(
        port=options.rest_api_port,
        threads=options.rest_api_num_threads,
        timeout_ms=options.rest_api_timeout_in_ms,
        cors=options.rest_api_enable_cors_support,
        metrics_path=_metrics_path(options.monitoring_config_file),
    )


def tls(options: argparse.Namespace) -> Tls | None:
    """The certificates; None without.

    Raises:
        ConfigError: The configuration cannot be read.
    """
    return read_tls(options.ssl_config_file) if options.ssl_config_file else None


def _metrics_path(file: str) -> str | None:
    if not file:
        return None
    config = read_config(file, monitoring_config_pb2.MonitoringConfig).prometheus_config
    return (config.path or METRICS_PATH) if config.enable else None
