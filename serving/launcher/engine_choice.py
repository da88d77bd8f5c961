"""Choice of the engine that runs, and what all engines offer."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Protocol

from serving.errors import StartupFailed
from serving.launcher.docker import Docker
from serving.launcher.embedded import Embedded
from serving.launcher.stock_server import PROGRAM, Binary, StockServer


class Engine(Protocol):
    """Something that serves models."""

    @property
    def description(self) -> str:
        """Its name and where it is, in words of the form ``name=value``."""

    def run(
        self, options: argparse.Namespace, unknown: Sequence[str], files: ExitStack
    ) -> int:
        """Serves until told to stop.

        Args:
            options: The command line, free of contradictions.
            unknown: Words of it that nobody here knows.
            files: Holds files that were made for this run; to be closed as soon as
                they have been read.

        Returns:
            The exit status.

        Raises:
            StartupFailed: The server cannot start.
            ValueError: A flag cannot be honoured.
        """


def choose(name: str, image: str) -> Engine:
    """The engine of that name; ``auto`` takes the stock server where there is one.

    Args:
        name: ``auto``, ``binary``, ``docker`` or ``embedded``.
        image: For ``docker``.

    Raises:
        StartupFailed: It is not on the PATH.
    """
    program = "docker" if name == "docker" else PROGRAM
    path = None if name == "embedded" else shutil.which(program)
    if path is not None:
        return StockServer(Docker(path, image) if name == "docker" else Binary(path))
    if name in ("docker", "binary"):
        raise StartupFailed(f"--engine={name}: {program} is not on the PATH")
    return Embedded()
