"""A real ``tensorflow_model_server``, where there is one."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving.launcher.flags import IMAGE
from tests.serving.conftest import ROOT, free_port

ABSENT = (
    "the contract was checked against the embedded engine only: there is neither a "
    f"tensorflow_model_server on the PATH nor an image {IMAGE} in Docker"
)


@functools.cache
def engine() -> str | None:
    """``binary``, ``docker``, or None where there is no real one."""
    if shutil.which("tensorflow_model_server"):
        return "binary"
    if shutil.which("docker") is None:
        return None
    look = ["docker", "image", "inspect", IMAGE]
    try:
        found = subprocess.run(look, capture_output=True, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        return None
    return "docker" if found else None


@dataclass(frozen=True)
class Ports:
    """Where it is reached on 127.0.0.1."""

    port: int
    rest_port: int


@contextmanager
def running(kind: str, base_paths: Mapping[str, Path], *flags: str) -> Iterator[Ports]:
    """An engine serves these models, started by our command."""
    rest = free_port()
    command = [sys.executable, "-m", "serving", "serve", f"--engine={kind}"]
    command += ["--port=0", f"--rest_api_port={rest}", *flags]
    command += [f"--model={name}={path}" for name, path in base_paths.items()]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            line = process.stdout.readline()
            found = re.search(r" port=(\d+)", line)
            assert found, f"{command} is not ready: {line!r}"
            yield Ports(int(found[1]), rest)
        finally:
            process.terminate()
