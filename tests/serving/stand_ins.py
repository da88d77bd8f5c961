"""Programs that stand in for ``tensorflow_model_server`` and ``docker``.

They show what the launcher says and does, not what TF Serving answers: behind them is
the embedded engine, or nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.serving.conftest import ROOT

_HEAD = f"""#!{sys.executable}
import json, os, sys
words = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
"""

_SERVER = """
files = {}
for word in words:
    flag, _, value = word.partition("=")
    if flag.endswith("_file"):
        with open(value) as opened:
            files[flag[2:]] = opened.read()
names = ("TF_FORCE_GPU_ALLOW_GROWTH",)
environment = {name: os.environ.get(name) for name in names}
record = {"words": words, "files": files, "environment": environment}
with open(os.path.join(here, "record.json"), "w") as opened:
    json.dump(record, opened)
command = [sys.executable, "-m", "serving", "serve", "--engine=embedded", *words]
os.execv(sys.executable, command)
"""

_DOCKER = """
if words[0] == "kill":
    open(os.path.join(here, "killed"), "w").write(words[1])
    sys.exit(0)
mounts = {}
for word in words:
    if word.startswith("--mount="):
        fields = dict(part.split("=") for part in word[8:].split(",") if "=" in part)
        mounts[fields["target"]] = fields["source"]
with open(os.path.join(here, "docker.json"), "w") as opened:
    json.dump(words, opened)
image = next(i for i, word in enumerate(words[1:], 1) if not word.startswith("--"))
inside = words[image + 1:]
for target, source in mounts.items():
    inside = [word.replace("=" + target, "=" + source) for word in inside]
os.execv(os.path.join(here, "server"), ["server", *inside])
"""


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def model_server(folder: Path, name: str = "tensorflow_model_server") -> Path:
    """A program that notes what it was told, then becomes the embedded engine."""
    _program(folder / name, _HEAD + _SERVER)
    return folder


def docker(folder: Path, script: str = "") -> Path:
    """A ``docker`` that notes what it was told, and runs the above on this machine.

    Or a few lines of shell instead.
    """
    if script:
        shell(folder, script, "server")
    else:
        model_server(folder, "server")
    _program(folder / "docker", _HEAD + _DOCKER)
    return folder


def shell(folder: Path, script: str, name: str = "tensorflow_model_server") -> Path:
    """A program that is a few lines of shell."""
    _program(folder / name, f"#!/bin/sh\n{script}\n")
    return folder


def record(folder: Path) -> dict:
    """What the program was told."""
    return json.loads((folder / "record.json").read_text())


def path_with(folder: Path) -> dict[str, str]:
    """The environment of a process that finds these programs first."""
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


def flags_of(command: Iterable[str]) -> dict[str, str]:
    """The flags of a command line."""
    words = (word[2:].partition("=") for word in command if word.startswith("--"))
    return {name: value for name, _, value in words}
