"""More calls than threads, and servers that are not there yet."""

from __future__ import annotations

import asyncio
import threading
from concurrent import futures

import grpc
import pytest

import serving
from serving.errors import DeadlineExceeded, Overloaded, ServerUnavailable
from serving.messages import remote_calls, status_pb2
from serving.server import Server, ServerOptions


def inputs(folder):
    return {name: [str(folder / name)] for name in ("text", "started", "go")}


@pytest.fixture
def gate(toys, tmp_path):
    """A server with one thread and a queue of one, and a call that occupies it."""
    options = ServerOptions(
        host="127.0.0.1", port=0, threads=1, queued=1, poll_seconds=0
    )
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with Server({"gate": toys / "gate"}, options) as server:
        retry = serving.Retry(attempts=1)
        with serving.Client(
            f"127.0.0.1:{server.port}", model="gate", retry=retry, timeout=30
        ) as client:
            with futures.ThreadPoolExecutor(3) as pool:
                busy = pool.submit(client.call, inputs(first))
                started = threading.Event()
                while not (first / "started").exists():
                    started.wait(0.01)
                try:
                    yield client, pool, second
                finally:
                    (first / "go").touch()
                    (second / "go").touch()
                    assert busy.result(30)["text"].shape == (1,)


def test_what_neither_runs_nor_waits_is_refused_at_once(gate):
    client, pool, folder = gate
    both = [pool.submit(client.call, inputs(folder)) for _ in range(2)]
    done, waiting = futures.wait(both, 20, futures.FIRST_COMPLETED)
    (refused,) = done
    with pytest.raises(Overloaded) as caught:
        refused.result()
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert len(waiting) == 1
    assert not (folder / "started").exists()


def test_call_whose_time_ran_out_in_the_queue_is_never_computed(toys, tmp_path):
    options = ServerOptions(host="127.0.0.1", port=0, threads=1, poll_seconds=0)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with Server({"gate": toys / "gate"}, options) as server:
        with serving.Client(f"127.0.0.1:{server.port}", model="gate") as client:
            with futures.ThreadPoolExecutor(1) as pool:
                busy = pool.submit(client.call, inputs(first))
                started = threading.Event()
                while not (first / "started").exists():
                    started.wait(0.01)
                with pytest.raises(DeadlineExceeded):
                    client.call(inputs(second), timeout=0.2)
                (first / "go").touch()
                assert busy.result(30)["text"].shape == (1,)
            # Behind it in the queue, so the late call has been dealt with after this.
            client.status()
    assert not (second / "started").exists()


class Flaky:
    """A real gRPC server that is unavailable for the first calls."""

    def __init__(self, failures: int):
        self.calls, self._failures = 0, failures
        method = remote_calls.GET_MODEL_STATUS
        handler = grpc.unary_unary_rpc_method_handler(
            self._answer, method.request.FromString, method.response.SerializeToString
        )
        self.server = grpc.server(futures.ThreadPoolExecutor(1))
        services = {method.name: handler}
        self.server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(method.service, services)]
        )
        self.target = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def _answer(self, request, context):
        self.calls += 1
        if self.calls <= self._failures:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return status_pb2.GetModelStatusResponse()


def _blocking(target, retry):
    with serving.Client(target, model="m", retry=retry, timeout=20) as client:
        return client.status()


def _asyncio(target, retry):
    async def run():
        async with serving.aio.Client(
            target, model="m", retry=retry, timeout=20
        ) as client:
            return await client.status()

    return asyncio.run(run())


@pytest.mark.parametrize("status", [_blocking, _asyncio], ids=["blocking", "asyncio"])
@pytest.mark.parametrize("attempts, calls", [(1, 1), (2, 2), (4, 3)])
def test_unavailable_servers_are_asked_again(status, attempts, calls):
    flaky = Flaky(failures=2)
    retry = serving.Retry(attempts=attempts, initial_seconds=0.01)
    if attempts <= 2:
        with pytest.raises(ServerUnavailable, match="not now"):
            status(flaky.target, retry)
    else:
        assert status(flaky.target, retry) == []
    assert flaky.calls == calls
    flaky.server.stop(None).wait()
