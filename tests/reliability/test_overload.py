"""More calls than a server can take: who is refused hears before the rest is served.

The times are those of one process that sends thousands of calls on the machine of the
server, most of them spent in that process: how long a refusal takes somebody else is
in ``test_refusals.py``.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.reliability.figures import keep, milliseconds, quantile
from tests.reliability.flood import spin
from tests.serving.conftest import ROOT, environment

TEST = "tests/reliability/test_overload.py"
pytestmark = pytest.mark.reliability

CALLS, QUEUED, THREADS = 3000, 1000, 2


@pytest.fixture(scope="module")
def server(serve):
    flags = (f"--grpc_max_threads={THREADS}", f"--rest_api_num_threads={THREADS}")
    with serve("upper", "spin", flags=flags) as running:
        running.upper()
        yield running


class Probe:
    """Asks for a server's health over one of its ports, again and again."""

    def __init__(self, server, kind):
        self._grpc = kind == "gRPC"
        self._channel = grpc.insecure_channel(server.target)
        self._stub = health_pb2_grpc.HealthStub(self._channel)
        self._http = http.client.HTTPConnection("127.0.0.1", server.rest_port)

    def close(self):
        """Hangs up."""
        self._channel.close()
        self._http.close()

    def seconds(self):
        """How long one answer takes."""
        began = time.monotonic()
        if self._grpc:
            answer = self._stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
            assert answer.status == answer.SERVING
        else:
            self._http.request("GET", "/healthz")
            answer = self._http.getresponse()
            assert (answer.status, answer.read() != b"") == (200, True)
        return time.monotonic() - began


@pytest.mark.parametrize("kind", ["gRPC", "REST"])
def test_a_flood(server, kind):
    """From another process, which has its own hands full."""
    port = server.port if kind == "gRPC" else server.rest_port
    command = [sys.executable, "-m", "tests.reliability.flood", kind, str(port)]
    probe, probes = Probe(server, kind), []
    probe.seconds()
    with subprocess.Popen(
        [*command, str(CALLS)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    ) as flood:
        assert flood.stdout.readline() == "begin\n"
        while flood.poll() is None:
            probes.append(probe.seconds())
            time.sleep(0.02)
        found = json.loads(flood.stdout.read())
    probe.close()
    with grpc.insecure_channel(server.target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        began = time.monotonic()
        stub.Predict(spin(), timeout=20)
        recovery = time.monotonic() - began
    refused = found["seconds"].pop("429" if kind == "REST" else "RESOURCE_EXHAUSTED")
    served = found["seconds"].pop("200" if kind == "REST" else "OK")
    assert found["seconds"] == {}
    assert len(refused) + len(served) == CALLS
    # Everybody who found a place was served.
    assert len(served) >= QUEUED + THREADS
    assert max(probes) < 5.0
    assert quantile(refused, 0.5) < 0.8 * max(served)
    assert recovery < 1.0
    server.upper()
    keep(
        9,
        f"overload, {kind}",
        TEST,
        {
            "calls at once": f"{CALLS}, for {THREADS} threads and {QUEUED} places",
            "a call alone": milliseconds(found["alone"]),
            "sent within": f"{found['sent']:.2f} s",
            "served": f"{len(served)}, within {max(served):.2f} s",
            "refused": f"{len(refused)}",
            "refusals in the flood's hands after, median and p99": (
                f"{quantile(refused, 0.5):.2f} s, {quantile(refused, 0.99):.2f} s"
            ),
            "health meanwhile, median": milliseconds(quantile(probes, 0.5)),
            "slowest": milliseconds(max(probes)),
            "first call afterwards": milliseconds(recovery),
        },
    )
