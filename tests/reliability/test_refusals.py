"""While every place is taken: a refusal takes no longer than any small call.

Nothing computes meanwhile and nobody else asks, so that what is timed is the refusal;
``test_overload.py`` shows what is left of that in a flood.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
import time

import aiohttp
import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.reliability.figures import keep, milliseconds, quantile
from tests.reliability.watched import texts
from tests.serving.web import ask

TEST = "tests/reliability/test_refusals.py"
FULL_RUN = pytest.mark.reliability
QUEUED, MORE, ASKED = 1000, 50, 200
FULL = (
    f"Too many requests. Expected: at most {QUEUED} waiting requests. "
    "Received: one more"
)
UPPER, HELD = "/v1/models/upper:predict", "/v1/models/held:predict"


@pytest.fixture(scope="module")
def server(serve):
    """Computes one call at a time over either port."""
    flags = (
        "--grpc_max_threads=1",
        "--rest_api_num_threads=1",
        "--rest_api_timeout_in_ms=0",
    )
    with serve("upper", "held", flags=flags) as running:
        running.upper()
        yield running


class OverGrpc:
    """Calls of one process, without a thread each."""

    def __init__(self, server, stack):
        self._server = server
        self._held, self._other = self._connect(stack), self._connect(stack)

    def _connect(self, stack):
        # Of its own: channels to one address would share a connection.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = grpc.insecure_channel(self._server.target, options)
        stack.enter_context(channel)
        return prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def send(self, inputs):
        """A call; the future of whether it is served, and of when it ended."""
        ended = concurrent.futures.Future()
        request = texts("held", b"x", **{k: v.encode() for k, v in inputs.items()})
        call = self._held.Predict.future(request, timeout=300)
        call.add_done_callback(
            lambda call: ended.set_result((_served(call), time.monotonic()))
        )
        return ended

    def ask(self):
        """Somebody else's call; whether it is served."""
        return _served(self._other.Predict.future(texts("upper", b"a"), timeout=20))


def _served(call):
    if call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return False if call.details() == FULL else call.details()
    return call.code() is grpc.StatusCode.OK or call.details()


class OverRest:
    """The same over the other port."""

    def __init__(self, server, stack):
        self._port = server.rest_port
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        stack.callback(self._loop.close)
        stack.callback(thread.join)
        stack.callback(self._loop.call_soon_threadsafe, self._loop.stop)
        self._session = self._run(self._open()).result()
        stack.callback(lambda: self._run(self._session.close()).result())

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _open(self):
        return aiohttp.ClientSession(
            f"http://127.0.0.1:{self._port}",
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=300),
        )

    def send(self, inputs):
        """As over gRPC."""
        body = {"inputs": {"text": ["x"], **{k: [v] for k, v in inputs.items()}}}
        return self._run(self._post(body))

    async def _post(self, body):
        async with self._session.post(HELD, json=body) as response:
            found = await response.json()
            return _answered(response.status, found), time.monotonic()

    def ask(self):
        """As over gRPC, but for a connection of its own."""
        answer = ask(self._port, "POST", UPPER, {"inputs": ["a"]})
        return _answered(answer.status, answer.json())


def _answered(status, body):
    if status == 429:
        return False if body == {"error": FULL} else body
    return status == 200 or body


def seconds_of(call, expected):
    """How long each of some calls takes, one after the other, all with this outcome."""
    found = []
    for _ in range(ASKED):
        began = time.perf_counter()
        assert call() is expected
        found.append(time.perf_counter() - began)
    return found


@pytest.mark.parametrize("kind", ["gRPC", pytest.param("REST", marks=FULL_RUN)])
def test_refusals_are_fast_and_waits_no_longer_than_the_queue(server, tmp_path, kind):
    started, pipe = tmp_path / "started", tmp_path / "pipe"
    os.mkfifo(pipe)
    # These have no pipe and end at once, when it is their turn.
    waits = {name: str(tmp_path / "file") for name in ("started", "pipe")}
    with contextlib.ExitStack() as stack:
        client = (OverGrpc if kind == "gRPC" else OverRest)(server, stack)
        one = quantile(seconds_of(client.ask, True), 0.5)
        first = client.send({"started": str(started), "pipe": str(pipe)})
        while not started.exists():
            assert not first.done()
        others = [client.send(waits) for _ in range(QUEUED + MORE)]
        # So many are refused once the rest has all the places there are.
        ends = concurrent.futures.as_completed(others, timeout=60)
        for _ in range(MORE):
            assert next(ends).result()[0] is False
        refusals = seconds_of(client.ask, False)
        admitted = [call for call in others if not call.done()]
        assert len(admitted) == QUEUED and not first.done()
        released = time.monotonic()
        stack.callback(os.close, os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
        assert first.result(60)[0] is True
        found = [call.result(60) for call in admitted]
        like_them = seconds_of(lambda: client.send(waits).result(60)[0], True)
    assert {outcome for outcome, _ in found} == {True}
    waited = [ended - released for _, ended in found]
    each, alone = max(waited) / QUEUED, quantile(like_them, 0.5)
    # Refusals come while all who were admitted still wait, and as fast as answers.
    assert quantile(refusals, 0.5) < 5 * one
    assert quantile(refusals, 0.99) < 2.0
    # The last one has waited for those before it and for nothing else, and nobody who
    # came early has waited until the end.
    assert each < 5 * alone
    middle = QUEUED // 2
    assert quantile(waited[:middle], 0.5) < quantile(waited[middle:], 0.5)
    keep(
        9,
        f"refusals, {kind}",
        TEST,
        {
            "places": f"{QUEUED}, all taken",
            "refusals after, median and p99": f"{milliseconds(quantile(refusals, 0.5))}"
            f", {milliseconds(quantile(refusals, 0.99))}",
            "answers of an idle server, median": milliseconds(one),
            "the queue was served within": milliseconds(max(waited)),
            "a place in it": milliseconds(each),
            "such a call alone": milliseconds(alone),
        },
    )
