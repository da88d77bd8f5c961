"""More calls than a server can take: refusals are fast, the rest is served."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent import futures

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.reliability.figures import keep, milliseconds, quantile
from tests.reliability.watched import texts

TEST = "tests/reliability/test_overload.py"
pytestmark = pytest.mark.reliability

CALLS, QUEUED, THREADS = 3000, 1000, 2
ROUNDS = 100


@pytest.fixture(scope="module")
def server(serve):
    flags = (f"--grpc_max_threads={THREADS}", f"--rest_api_num_threads={THREADS}")
    with serve("upper", "spin", flags=flags) as running:
        running.upper()
        yield running


def spin(rounds=ROUNDS):
    request = texts("spin", b"a")
    request.inputs["rounds"].dtype = 3
    request.inputs["rounds"].tensor_shape.dim.add(size=1)
    request.inputs["rounds"].int_val.append(rounds)
    return request


def report(name, alone, flood, refused, served, probes, recovery):
    """Checks what was seen, and keeps it."""
    assert len(refused) + len(served) == CALLS
    # Everybody who found a place was served.
    assert len(served) >= QUEUED + THREADS
    assert refused, "so many calls at once should not all have found a place"
    assert max(probes) < 2.0
    keep(
        9,
        name,
        TEST,
        {
            "calls at once": f"{CALLS}, for {THREADS} threads and {QUEUED} places",
            "a call alone": milliseconds(alone),
            "served": f"{len(served)}",
            "refused": f"{len(refused)}",
            "refusals, median and p99": f"{milliseconds(quantile(refused, 0.5))}, "
            f"{milliseconds(quantile(refused, 0.99))} after the flood began",
            "the flood took": f"{flood:.2f} s",
            "served, p99": f"{quantile(served, 0.99):.2f} s",
            "health meanwhile, slowest": milliseconds(max(probes)),
            "first call afterwards": milliseconds(recovery),
        },
    )


def test_grpc(server):
    request, probes = spin(), []
    with grpc.insecure_channel(server.target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        stub.Predict(request)
        began = time.monotonic()
        stub.Predict(request)
        alone = time.monotonic() - began
        ended = {}
        began = time.monotonic()
        calls = [stub.Predict.future(request, timeout=120) for _ in range(CALLS)]
        for index, call in enumerate(calls):
            call.add_done_callback(
                lambda _, index=index: ended.setdefault(index, time.monotonic())
            )
        with grpc.insecure_channel(server.target) as other:
            health = health_pb2_grpc.HealthStub(other)
            while len(ended) < CALLS:
                asked = time.monotonic()
                health.Check(health_pb2.HealthCheckRequest(), timeout=20)
                probes.append(time.monotonic() - asked)
                futures.wait([], 0.05)
        flood = time.monotonic() - began
        codes = [call.code() for call in calls]
        seconds = [ended[index] - began for index in range(CALLS)]
        full = grpc.StatusCode.RESOURCE_EXHAUSTED
        assert set(codes) <= {grpc.StatusCode.OK, full}
        asked = time.monotonic()
        stub.Predict(request)
        recovery = time.monotonic() - asked
    pairs = list(zip(codes, seconds, strict=True))
    refused = [second for code, second in pairs if code is full]
    served = [second for code, second in pairs if code is grpc.StatusCode.OK]
    report("overload, gRPC", alone, flood, refused, served, probes, recovery)
    server.upper()


def test_rest(server):
    body = json.dumps({"inputs": {"text": ["a"], "rounds": [ROUNDS]}})
    place = f"http://127.0.0.1:{server.rest_port}"
    url = f"{place}/v1/models/spin:predict"
    headers = {"Content-Type": "application/json"}

    async def ask(session):
        async with session.post(url, data=body, headers=headers) as response:
            await response.read()
            return response.status, time.monotonic()

    async def probe(session, flood, seconds):
        while not flood.done():
            asked = time.monotonic()
            async with session.get(f"{place}/healthz") as response:
                assert response.status == 200
            seconds.append(time.monotonic() - asked)
            await asyncio.sleep(0.05)

    async def all_at_once():
        probes: list[float] = []
        connector = aiohttp.TCPConnector(limit=0)
        limits = aiohttp.ClientTimeout(total=120)
        async with aiohttp.ClientSession(connector=connector, timeout=limits) as busy:
            async with aiohttp.ClientSession() as calm:
                await ask(calm)
                began = time.monotonic()
                await ask(calm)
                alone = time.monotonic() - began
                began = time.monotonic()
                flood = asyncio.gather(*(ask(busy) for _ in range(CALLS)))
                await probe(calm, flood, probes)
                found = await flood
                took = time.monotonic() - began
                asked = time.monotonic()
                assert (await ask(calm))[0] == 200
                recovery = time.monotonic() - asked
        return alone, began, found, took, probes, recovery

    alone, began, found, took, probes, recovery = asyncio.run(all_at_once())
    assert {status for status, _ in found} <= {200, 429}
    refused = [ended - began for status, ended in found if status == 429]
    served = [ended - began for status, ended in found if status == 200]
    report("overload, REST", alone, took, refused, served, probes, recovery)
    server.upper()
