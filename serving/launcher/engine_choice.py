"""Choice of the engine that runs."""

from __future__ import annotations

import argparse
import functools
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from serving.errors import StartupFailed
from serving.launcher import embedded, stock_server
from serving.launcher.installations import Binary, Docker

#: Serves until told to stop. Takes the command line, the words of it that nobody knows,
#: and files that are to be closed as soon as they have been read; returns the exit
#: status, or raises StartupFailed, or ValueError for a flag that cannot be honoured.
Engine = Callable[[argparse.Namespace, Sequence[str], ExitStack], int]


def choose(name: str, image: str) -> Engine:
    """The engine of that name; ``auto`` takes the stock server where there is one.

    Args:
        name: ``auto``, ``binary``, ``docker`` or ``embedded``.
        image: For ``docker``.

    Raises:
        StartupFailed: It is not on the PATH.
    """
    program = "docker" if name == "docker" else stock_server.PROGRAM
    path = None if name == "embedded" else shutil.which(program)
    if path is not None:
        installation = Docker(path, image) if name == "docker" else Binary(path)
        return functools.partial(stock_server.run, installation)
    if name in ("docker", "binary"):
        raise StartupFailed(f"--engine={name}: {program} is not on the PATH")
    return embedded.run
