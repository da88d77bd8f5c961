"""The engines ``binary`` and ``docker``: a stock ``tensorflow_model_server``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from serving.launcher import readiness
from serving.launcher.installations import ANYWHERE, Binary, Docker
from serving.launcher.launch_specification import specify
from serving.launcher.process_supervisor import Supervisor
from serving.server.addresses import bracketed

PROGRAM = "tensorflow_model_server"
_LOG = logging.getLogger("serving")


def run(
    installation: Binary | Docker,
    options: argparse.Namespace,
    unknown: Sequence[str],
    files: ExitStack,
) -> int:
    """Runs it until it ends; see `engine_choice`."""
    launch = specify(options, unknown)
    command = installation.command(launch, options.host)
    launch.check(options.host)
    for line in launch.warnings:
        _LOG.warning(line)
    engine = f"engine={installation.name}"
    _LOG.info("%s %s=%s", engine, PROGRAM, installation.where)
    server = Supervisor(PROGRAM, command)
    host = "127.0.0.1" if options.host in ANYWHERE else bracketed(options.host)
    found: dict[str, int | None] = {}

    def ready() -> bool:
        versions = readiness.versions(launch, host)
        found.update(versions or {})
        return versions is not None

    if server.wait_until(ready, options.startup_timeout_seconds):
        files.close()
        line = f"ready {engine} host={options.host} port={launch.port}"
        if launch.rest_port:
            line += f" rest_port={launch.rest_port}"
        for name, version in found.items():
            shown = f"{line} model={name}"
            print(shown if version is None else f"{shown} version={version}")
        if not found:
            print(line)
        sys.stdout.flush()
        return server.wait()
    status = server.wait()
    if status:
        _LOG.error("%s ended with status %d before it was ready", PROGRAM, status)
    return status
