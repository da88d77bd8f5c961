"""One suite, every engine: the embedded one, and TF Serving itself where there is one.

What the embedded engine does otherwise on purpose is in ``tests/serving``, outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.serving import stock
from tests.serving.contract import checks_refusals, stubs
from tests.serving.web import asks

_ENGINES = ["embedded"] if stock.engine() is None else ["embedded", stock.engine()]


# Everything that hangs on the server is here again: a fixture of the folder above
# would keep the first server it saw.
@pytest.fixture(scope="session", params=_ENGINES)
def server(request: pytest.FixtureRequest, server, toys: Path) -> Iterator:
    """All toy models, with ``port`` and ``rest_port``."""
    if request.param == "embedded":
        yield server
    else:
        paths = {path.name: path for path in toys.iterdir()}
        with stock.running(request.param, paths) as ports:
            yield ports


@pytest.fixture(scope="session", params=_ENGINES)
def narrow(request: pytest.FixtureRequest, toys: Path) -> Iterator:
    """Some of them with one row in a batch, two such batches that may wait, and
    little time over REST; a process of its own, since it turns XLA off."""
    parameters = {
        "max_batch_size": 1,
        "max_enqueued_batches": 2,
        "num_batch_threads": 1,
        "batch_timeout_micros": 0,
    }
    flags = [f"--batching_parameter={k}={v}" for k, v in parameters.items()]
    flags += ["--rest_api_timeout_in_ms=500", "--enable_metrics"]
    flags += ["--xla_cpu_compilation_enabled=false"]
    paths = {name: toys / name for name in ("upper", "gate", "compiled")}
    with stock.running(request.param, paths, *flags) as ports:
        yield ports


@pytest.fixture(scope="session")
def channel(server) -> Iterator[grpc.Channel]:
    """A plain channel to them."""
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened


@pytest.fixture(scope="session")
def prediction(channel: grpc.Channel):
    """The official stub of the PredictionService."""
    return stubs(channel)[0]


@pytest.fixture(scope="session")
def models(channel: grpc.Channel):
    """The official stub of the ModelService."""
    return stubs(channel)[1]


@pytest.fixture
def predict(server):
    """Asks a model to predict: status and JSON."""
    return asks(server.rest_port)


@pytest.fixture
def refuses(predict):
    """Fails unless a request is refused with this status and exactly this message."""
    return checks_refusals(predict)
