"""The stock ``tensorflow_model_server``, of the PATH or of an image."""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from serving.launcher import readiness
from serving.launcher.launch_specification import Orders, orders
from serving.launcher.process_supervisor import Supervisor

PROGRAM = "tensorflow_model_server"
_LOG = logging.getLogger("serving")
ANYWHERE = ("0.0.0.0", "[::]", "::")


@dataclass(frozen=True)
class Launch:
    """A command and how to end what it started.

    Attributes:
        command: Its words.
        environment: What to add to the environment.
        kill: A command that ends what outlives the process; empty without.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    kill: Sequence[str] = ()


class Place(Protocol):
    """Where a ``tensorflow_model_server`` is, and how it is started there."""

    @property
    def name(self) -> str:
        """That of the engine."""

    @property
    def where(self) -> str:
        """Path or image."""

    def launch(self, told: Orders, host: str) -> Launch:
        """How to start it.

        Args:
            told: What it is told.
            host: The address to listen on.

        Raises:
            ValueError: The place cannot honour something.
        """


def gpu_environment(told: Orders, current: Mapping[str, str]) -> dict[str, str]:
    """Takes GPU memory as it is needed, unless told otherwise; TensorFlow takes all."""
    name = "TF_FORCE_GPU_ALLOW_GROWTH"
    if "per_process_gpu_memory_fraction" in told.flags or name in current:
        return {}
    return {name: "true"}


@dataclass(frozen=True)
class External:
    """Runs a ``tensorflow_model_server`` and stays until it ends.

    Attributes:
        place: Where it is.
        given: TF Serving's flags of the command line, as text.
    """

    place: Place
    given: Mapping[str, str]

    @property
    def description(self) -> str:
        """Its name and where it is."""
        return f"engine={self.place.name} {PROGRAM}={self.place.where}"

    def run(
        self, options: argparse.Namespace, unknown: Sequence[str], files: ExitStack
    ) -> int:
        """See :meth:`serving.launcher.base.Engine.run`."""
        told = orders(options, self.given, unknown)
        launch = self.place.launch(told, options.host)
        told.check(options.host)
        for line in told.warnings:
            _LOG.warning(line)
        _LOG.info(self.description)
        environment = {**os.environ, **launch.environment}

        def kill() -> None:
            if launch.kill:
                subprocess.run(launch.kill, env=environment, stdout=subprocess.DEVNULL)

        server = Supervisor(PROGRAM, launch.command, environment, kill)
        host = "127.0.0.1" if options.host in ANYWHERE else options.host
        found: dict[str, int | None] = {}

        def ready() -> bool:
            versions = readiness.versions(told, host)
            found.update(versions or {})
            return versions is not None

        if server.wait_until(ready, options.startup_timeout_seconds):
            files.close()
            self._announce(told, options.host, found)
            return server.wait()
        status = server.wait()
        if status:
            _LOG.error("%s ended with status %d before it was ready", PROGRAM, status)
        return status

    def _announce(
        self, told: Orders, host: str, found: Mapping[str, int | None]
    ) -> None:
        line = f"ready engine={self.place.name} host={host} port={told.port}"
        if told.rest_port:
            line += f" rest_port={told.rest_port}"
        for name, version in found.items():
            shown = f"{line} model={name}"
            print(shown if version is None else f"{shown} version={version}")
        if not found:
            print(line)
        sys.stdout.flush()
