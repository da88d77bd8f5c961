"""Toy models and servers for them, made once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

import serving
from serving.server import RestOptions, Server, ServerOptions
from tests.serving.contract import checks_refusals, stubs
from tests.serving.web import asks

ROOT = Path(__file__).parents[2]
LOOPBACK = ServerOptions(
    host="127.0.0.1",
    port=0,
    threads=4,
    poll_seconds=0,
    rest=RestOptions(port=0, threads=4),
)


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one base path per toy model."""
    from tests.serving.toys import save_all

    folder = tmp_path_factory.mktemp("toys")
    save_all(folder)
    return folder


@pytest.fixture
def base(toys: Path, tmp_path: Path) -> Path:
    """Folder with the models ``a`` (versions 1 and 2) and ``b`` (version 1)."""
    for place in ("a/1", "a/2", "b/1"):
        shutil.copytree(toys / "upper" / "1", tmp_path / place)
    return tmp_path


@pytest.fixture(scope="session")
def server(toys: Path) -> Iterator[Server]:
    """All toy models in this process."""
    paths = {path.name: path for path in toys.iterdir()}
    with Server(paths, LOOPBACK) as running:
        yield running


@pytest.fixture(scope="session")
def target(server: Server) -> str:
    """Where all toy models are served."""
    return f"127.0.0.1:{server.port}"


@pytest.fixture
def client(target: str) -> Iterator[serving.Client]:
    """Asks the model ``upper``."""
    with serving.Client(target, model="upper", timeout=20) as connected:
        yield connected


@pytest.fixture(scope="session")
def channel(target: str) -> Iterator[grpc.Channel]:
    """A plain channel to all toy models."""
    with grpc.insecure_channel(target) as opened:
        yield opened


@pytest.fixture(scope="session")
def prediction(channel: grpc.Channel):
    """The official stub of the PredictionService."""
    return stubs(channel)[0]


@pytest.fixture(scope="session")
def models(channel: grpc.Channel):
    """The official stub of the ModelService."""
    return stubs(channel)[1]


def free_port() -> int:
    """A port that nobody listens on, for flags that cannot ask for any port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def predict(server):
    """Asks a model to predict: status and JSON."""
    return asks(server.rest_port)


@pytest.fixture
def refuses(predict):
    """Fails unless a request is refused with this status and exactly this message."""
    return checks_refusals(predict)


class Process:
    """A server started from the command line."""

    def __init__(self, process: subprocess.Popen):
        self._process = process
        self.ready_line = process.stdout.readline()
        found = re.search(r"\bport=(\d+)", self.ready_line)
        self.port = int(found[1]) if found else 0
        self.pid = process.pid
        self.target = f"127.0.0.1:{self.port}"

    def send(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    def wait(self) -> tuple[int, str]:
        """Exit status and what was left on stderr."""
        _, errors = self._process.communicate(timeout=30)
        return self._process.returncode, errors


def environment() -> dict[str, str]:
    """That of this process, without what would change who serves and what is said."""
    kept = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    stock = "tensorflow_model_server"
    places = kept["PATH"].split(os.pathsep)
    here = [place for place in places if not Path(place, stock).exists()]
    return kept | {"PYTHONPATH": str(ROOT), "PATH": os.pathsep.join(here)}


@contextmanager
def started(*flags: str) -> Iterator[Process]:
    """``python -m serving serve`` on a free port of the loopback."""
    command = [sys.executable, "-m", "serving", "serve", "--host=127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--port=0", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    try:
        yield Process(process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def start() -> Callable:
    """Starts a server process; see :func:`started`."""
    return started


def run_cli(*words: str, cwd: Path = ROOT, stdin: str = "") -> tuple[int, str, str]:
    """``python -m serving ...``: exit status, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "serving", *words],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=60,
        env=environment(),
        cwd=cwd,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="session")
def cli() -> Callable:
    """Runs the command line to its end; see :func:`run_cli`."""
    return run_cli
