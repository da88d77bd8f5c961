"""Which engine runs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from serving.errors import StartupFailed
from serving.launcher.base import Engine
from serving.launcher.binary import Binary
from serving.launcher.docker import Docker
from serving.launcher.embedded import Embedded
from serving.launcher.external import PROGRAM, External

NAMES = ("auto", "binary", "docker", "embedded")


def choose(name: str, image: str, given: Mapping[str, str]) -> Engine:
    """The engine of that name; ``auto`` takes the stock server where there is one.

    Args:
        name: One of ``NAMES``.
        image: For ``docker``.
        given: TF Serving's flags of the command line, as text.

    Raises:
        StartupFailed: It is not on the PATH.
    """
    if name == "docker":
        docker = shutil.which("docker")
        if docker is None:
            raise StartupFailed("--engine=docker: docker is not on the PATH")
        return External(Docker(docker, image), given)
    path = shutil.which(PROGRAM) if name in ("auto", "binary") else None
    if path is not None:
        return External(Binary(path), given)
    if name == "binary":
        raise StartupFailed(f"--engine=binary: {PROGRAM} is not on the PATH")
    return Embedded()
