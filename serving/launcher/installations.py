"""Installations of the stock server: a program of the PATH, an image of Docker.

Each says how a launch specification becomes a command there, and refuses what cannot be
honoured with ValueError.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from serving.launcher.launch_specification import FILES, LaunchSpecification
from serving.launcher.process_supervisor import ServerCommand
from serving.server.addresses import bracketed

#: Addresses that mean all of a machine.
ANYWHERE = ("0.0.0.0", "[::]", "::")
_PROGRAM = "/usr/bin/tensorflow_model_server"
_FOLDER = "/serving-files"


@dataclass(frozen=True)
class Binary:
    """The program at a path."""

    where: str
    name: ClassVar[str] = "binary"

    def command(self, launch: LaunchSpecification, host: str) -> ServerCommand:
        """How to start it so that it listens on ``host``."""
        if host not in ANYWHERE:
            raise ValueError(
                f"--host={host}: tensorflow_model_server listens on all addresses; "
                "leave the flag out, or take --engine=docker or --engine=embedded"
            )
        return ServerCommand([self.where, *launch.words()], launch.environment)


@dataclass(frozen=True)
class Docker:
    """The image ``tensorflow/serving``, run by the ``docker`` of the PATH.

    Attributes:
        docker: Path of the command.
        where: The image. With a tag that ends in ``-gpu`` all GPUs are handed over.
    """

    docker: str
    where: str
    name: ClassVar[str] = "docker"

    def command(self, launch: LaunchSpecification, host: str) -> ServerCommand:
        """How to start it so that it listens on ``host``.

        Folders of models have the same path inside, so that a file of models holds
        for both sides; everything is read only.
        """
        if "grpc_socket_path" in launch.flags:
            raise ValueError(
                "--grpc_socket_path: the socket would stay inside the container"
            )
        container = f"keras-attention-serving-{os.getpid()}"
        # Without --init the server would be process 1, which ignores SIGTERM.
        words = [self.docker, "run", "--rm", "--init", f"--name={container}"]
        for port in filter(None, (launch.port, launch.rest_port)):
            words.append(f"--publish={bracketed(host)}:{port}:{port}")
        files = _files_inside(launch)
        for source, target in _mounts(launch, files):
            words.append(f"--mount={_mount(source, target)}")
        for name in (*launch.environment, "TF_CPP_MIN_LOG_LEVEL"):
            words.append(f"--env={name}")  # the value is that of this process
        if self.where.endswith("-gpu"):
            words.append("--gpus=all")
        words += [f"--entrypoint={_PROGRAM}", self.where, *launch.words(files)]
        kill = (self.docker, "kill", container)
        return ServerCommand(words, launch.environment, kill)


def _files_inside(launch: LaunchSpecification) -> dict[str, str]:
    """Where the server finds files, by flag."""
    return {
        flag: f"{_FOLDER}/{flag}/{Path(launch.flags[flag]).name}"
        for flag in FILES
        if flag in launch.flags
    }


def _mounts(
    launch: LaunchSpecification, files: dict[str, str]
) -> Iterator[tuple[str, str]]:
    for path in sorted(set(launch.local.values())):
        yield str(path), str(path)
    for flag, target in files.items():
        source = launch.flags[flag]
        if flag == "model_config_file" and launch.polls_models:
            # A file that is replaced by another one stays the old one inside.
            source, target = str(Path(source).parent), str(Path(target).parent)
        yield source, target


def _mount(source: str, target: str) -> str:
    """The fields are those of a line of CSV: a comma in a path needs quotes."""
    line = io.StringIO()
    fields = ("type=bind", f"source={source}", f"target={target}", "readonly")
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()
