"""Choice of the engine that runs."""

from __future__ import annotations

import shutil

from serving.errors import StartupFailed
from serving.launcher.embedded import Embedded
from serving.launcher.installations import Binary, Docker
from serving.launcher.stock_server import PROGRAM, StockServer


def choose(name: str, image: str) -> StockServer | Embedded:
    """The engine of that name; ``auto`` takes the stock server where there is one.

    Its method ``run`` serves until told to stop. It takes the command line, the words
    of it that nobody knows, and files that are to be closed as soon as they have been
    read; it returns the exit status, or raises StartupFailed, or ValueError for a flag
    that cannot be honoured.

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
