"""The stock ``tensorflow_model_server`` as an engine, and that of the PATH."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar, Protocol

from serving.launcher import readiness
from serving.launcher.launch_specification import LaunchSpecification, specify
from serving.launcher.process_supervisor import ServerCommand, Supervisor

PROGRAM = "tensorflow_model_server"
_LOG = logging.getLogger("serving")
_ANYWHERE = ("0.0.0.0", "[::]", "::")


class Installation(Protocol):
    """A ``tensorflow_model_server`` and how it is started where it is."""

    @property
    def name(self) -> str:
        """That of the engine."""

    @property
    def where(self) -> str:
        """Path or image."""

    def command(self, told: LaunchSpecification, host: str) -> ServerCommand:
        """How to start it.

        Args:
            told: What it is told.
            host: The address to listen on.

        Raises:
            ValueError: Something cannot be honoured there.
        """


@dataclass(frozen=True)
class Binary:
    """The program at a path."""

    where: str
    name: ClassVar[str] = "binary"

    def command(self, told: LaunchSpecification, host: str) -> ServerCommand:
        """See :meth:`Installation.command`."""
        if host not in _ANYWHERE:
            raise ValueError(
                f"--host={host}: tensorflow_model_server listens on all addresses; "
                "leave the flag out, or take --engine=docker or --engine=embedded"
            )
        return ServerCommand([self.where, *told.words()], told.environment)


@dataclass(frozen=True)
class StockServer:
    """Runs a ``tensorflow_model_server`` and stays until it ends."""

    installation: Installation

    @property
    def description(self) -> str:
        """Its name and where it is."""
        return f"engine={self.installation.name} {PROGRAM}={self.installation.where}"

    def run(
        self, options: argparse.Namespace, unknown: Sequence[str], files: ExitStack
    ) -> int:
        """See :meth:`serving.launcher.engine_choice.Engine.run`."""
        told = specify(options, unknown)
        command = self.installation.command(told, options.host)
        told.check(options.host)
        for line in told.warnings:
            _LOG.warning(line)
        _LOG.info(self.description)
        server = Supervisor(PROGRAM, command)
        host = "127.0.0.1" if options.host in _ANYWHERE else options.host
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
        self, told: LaunchSpecification, host: str, found: Mapping[str, int | None]
    ) -> None:
        line = f"ready engine={self.installation.name} host={host} port={told.port}"
        if told.rest_port:
            line += f" rest_port={told.rest_port}"
        for name, version in found.items():
            shown = f"{line} model={name}"
            print(shown if version is None else f"{shown} version={version}")
        if not found:
            print(line)
        sys.stdout.flush()
