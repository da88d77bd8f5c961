"""REST under load: more calls than threads, slow clients, idle ones, draining."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
import logging
import resource
import socket
import threading
from concurrent import futures

import pytest

from serving.server import RestOptions, Server
from tests.serving.conftest import LOOPBACK
from tests.serving.web import ask

GATE = "/v1/models/gate:predict"
UPPER = "/v1/models/upper:predict"
STOPPING = {"error": "the server is shutting down"}


@contextlib.contextmanager
def serving_rest(toys, *names, **changes):
    """A server of some toy models; its port for REST."""
    options = RestOptions(**({"port": 0, "threads": 1} | changes))
    paths = {name: toys / name for name in names}
    with Server(paths, dataclasses.replace(LOOPBACK, rest=options)) as server:
        yield server.rest_port


class Held:
    """A call in flight that ends when ``open`` is called."""

    def __init__(self, port, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._pool = futures.ThreadPoolExecutor(1)
        self.answer = self._pool.submit(ask, port, "POST", GATE, gate_inputs(folder))
        never = threading.Event()
        while not (folder / "started").exists():
            never.wait(0.01)
            assert not self.answer.done(), self.answer.result()

    def open(self):
        (self.folder / "go").touch()
        found = self.answer.result(30)
        self._pool.shutdown()
        return found


def gate_inputs(folder):
    return {"inputs": {n: [str(folder / n)] for n in ("text", "started", "go")}}


def test_what_neither_runs_nor_waits_is_refused_at_once(toys, tmp_path):
    with serving_rest(toys, "gate", queued=1) as port:
        first, second = Held(port, tmp_path / "a"), tmp_path / "b"
        second.mkdir()
        with futures.ThreadPoolExecutor(2) as pool:
            both = [
                pool.submit(ask, port, "POST", GATE, gate_inputs(second))
                for _ in range(2)
            ]
            done, waiting = futures.wait(both, 20, futures.FIRST_COMPLETED)
            (refused,) = done
            assert refused.result().status == 429
            assert refused.result().json() == {
                "error": "Too many requests. Expected: at most 1 waiting requests. "
                "Received: one more"
            }
            assert not (second / "started").exists()
            # Probes are answered all the same.
            assert ask(port, "GET", "/v1/models/gate").status == 200
            assert ask(port, "GET", "/v1/models/gate/metadata").status == 200
            assert ask(port, "GET", "/healthz").status == 200
            assert first.open().status == 200
            (second / "go").touch()
            (waited,) = waiting
            assert waited.result(30).status == 200


def test_clients_that_are_slow_to_send_take_nobodys_place(toys):
    with serving_rest(toys, "upper", queued=1) as port, contextlib.ExitStack() as stack:
        for _ in range(20):
            slow = socket.create_connection(("127.0.0.1", port), 20)
            stack.enter_context(slow)
            slow.sendall(head(1000) + b'{"inputs": ')
        for _ in range(5):
            assert ask(port, "POST", UPPER, {"inputs": ["a"]}).status == 200


def test_graphs_are_stopped_when_the_time_is_over(toys, tmp_path):
    with serving_rest(toys, "gate", timeout_ms=200) as port:
        answer = ask(port, "POST", GATE, gate_inputs(tmp_path))
        assert answer.status == 504
        assert answer.json()["error"].startswith("Timed out waiting for notification")
        assert (tmp_path / "started").exists()


def test_time_in_the_queue_counts(toys, tmp_path):
    with serving_rest(toys, "gate", "upper", timeout_ms=300) as port:
        with futures.ThreadPoolExecutor(1) as pool:
            busy = pool.submit(ask, port, "POST", GATE, gate_inputs(tmp_path))
            never = threading.Event()
            while not (tmp_path / "started").exists():
                never.wait(0.01)
            second = tmp_path / "second"
            second.mkdir()
            # Nearly at once after the first, so that little time is left for it.
            late = ask(port, "POST", GATE, gate_inputs(second))
            assert late.status == busy.result().status == 504
        assert ask(port, "POST", UPPER, {"inputs": ["a"]}).status == 200


def test_draining_finishes_what_runs_and_refuses_the_rest(toys, tmp_path):
    options = dataclasses.replace(LOOPBACK, rest=RestOptions(port=0, threads=2))
    server = Server({"gate": toys / "gate"}, options)
    server.start()
    held = Held(server.rest_port, tmp_path)
    with futures.ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(server.stop)
        while (health := ask(server.rest_port, "GET", "/healthz")).status == 200:
            assert not stopped.done()
        assert (health.status, health.json()) == (503, STOPPING)
        refused = ask(server.rest_port, "POST", GATE, gate_inputs(tmp_path))
        assert (refused.status, refused.json()) == (503, STOPPING)
        assert refused.headers["connection"] == "close"
        assert ask(server.rest_port, "GET", "/v1/models/gate").status == 200
        assert not stopped.done()
        answer = held.open()
        assert answer.json() == {"outputs": [str(tmp_path / "text")]}
        stopped.result(30)
    with pytest.raises(ConnectionRefusedError):
        ask(server.rest_port, "GET", "/healthz")


def test_calls_that_outlast_the_grace_are_cut_off(toys, tmp_path):
    server = Server({"gate": toys / "gate"}, LOOPBACK)
    server.start()
    held = Held(server.rest_port, tmp_path)
    server.stop(0.1)
    with pytest.raises(ConnectionError):
        held.open()


def test_bodies_are_bounded(toys):
    with serving_rest(toys, "upper", max_body_bytes=1000) as port:
        fits = json.dumps({"inputs": ["a" * 900]})
        assert ask(port, "POST", UPPER, fits).status == 200
        large = json.dumps({"inputs": ["a" * 1000]})
        answer = ask(port, "POST", UPPER, large)
        message = f"Expected: at most 1000 bytes. Received: {len(large)}"
        assert (answer.status, answer.json()) == (
            413,
            {"error": f"Too large a body. {message}"},
        )
        chunks = f"{len(large):x}\r\n{large}\r\n0\r\n\r\n".encode()
        start = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        assert raw(port, start + chunks).startswith(b"HTTP/1.1 413 ")
        bomb = gzip.compress(b" " * 200_000)
        assert len(bomb) < 1000
        answer = ask(port, "POST", UPPER, bomb, {"Content-Encoding": "gzip"})
        message = "Expected: at most 1000 bytes after gzip. Received: more"
        assert (answer.status, answer.json()) == (
            413,
            {"error": f"Too large a body. {message}"},
        )


def raw(port, data):
    """Sends bytes as they are; the head of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                break
            received += part
        return received


def head(length, extra=""):
    return (
        f"POST {UPPER} HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {length}\r\n\r\n"
    ).encode()


def test_clients_that_wait_for_leave_to_send_get_it(server):
    body = json.dumps({"inputs": ["a"]}).encode()
    with socket.create_connection(("127.0.0.1", server.rest_port), 20) as connection:
        connection.sendall(head(len(body), "Expect: 100-continue\r\n"))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_chunked_and_pipelined_requests(server):
    body = b'5\r\n{"inp\r\na\r\nuts":["a"]\r\n1\r\n}\r\n0\r\n\r\n'
    request = (
        f"POST {UPPER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode() + body
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.rest_port), 20) as connection:
        connection.sendall(request + request + last)
        received = b""
        while part := connection.recv(65536):
            received += part
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert received.count(b'"text": ["A"]') == 2


def test_bodies_where_none_belong_are_not_read(server):
    head = b"GET /v1/models/upper HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"
    found = raw(server.rest_port, head)
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" in found.lower()


@pytest.fixture(scope="module")
def impatient(toys):
    """A server that gives clients half a second."""
    with serving_rest(toys, "upper", slow_client_seconds=0.5, idle_seconds=0.5) as port:
        yield port


def test_slow_bodies_are_given_up(impatient):
    found = raw(impatient, head(1000) + b'{"inputs": ')
    assert found.startswith(b"HTTP/1.1 408 ")
    assert ask(impatient, "POST", UPPER, {"inputs": ["a"]}).status == 200


@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nhellooo\r\n"])
def test_malformed_chunks_are_the_clients_fault(impatient, body):
    waiting = "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
    start = head(0, waiting).replace(b"Content-Length: 0\r\n", b"")
    assert b" 400 " in raw(impatient, start + body).splitlines()[0]
    with socket.create_connection(("127.0.0.1", impatient), 20) as connection:
        connection.sendall(start)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        # Behind a request's head the framework takes it for silence.
        assert b" 408 " in connection.recv(1000).splitlines()[0]


@pytest.mark.parametrize("start", [b"", b"POST /v1/mod", head(5)[:-2]])
def test_slow_heads_are_hung_up_on(impatient, start):
    with socket.create_connection(("127.0.0.1", impatient), timeout=20) as connection:
        connection.sendall(start)
        assert connection.recv(1000) == b""


def test_answers_that_nobody_takes_are_dropped(impatient, caplog):
    caplog.set_level(logging.INFO, "serving")
    text = "a" * (8 << 20)
    body = json.dumps({"inputs": [text]}).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", impatient))
        connection.sendall(head(len(body)) + body)
        connection.recv(1)  # the answer is under way, and stays there
        assert ask(impatient, "POST", UPPER, {"inputs": ["a"]}).status == 200
        received, never = 1, threading.Event()
        while "did not take its answer" not in caplog.text:
            never.wait(0.01)
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1 << 20):
                received += len(part)
    assert received < len(text)


def test_a_thousand_idle_connections_are_in_nobodys_way(server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip(f"both ends need 2000 open files, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    with contextlib.ExitStack() as stack:
        for index in range(1000):
            idle = socket.create_connection(("127.0.0.1", server.rest_port), 20)
            stack.enter_context(idle)
            if index % 2:
                idle.sendall(head(1000)[: index % 60])
        for _ in range(20):
            answer = ask(server.rest_port, "POST", UPPER, {"inputs": ["a"]})
            assert answer.status == 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_health_names_models_that_cannot_be_asked(toys, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "1").symlink_to(toys / "upper" / "1")
    options = dataclasses.replace(LOOPBACK, poll_seconds=0.05)
    with Server({"upper": base}, options) as server:
        answer = ask(server.rest_port, "GET", "/healthz")
        assert (answer.status, answer.json()) == (200, {"status": "SERVING"})
        (base / "1").unlink()
        while (answer := ask(server.rest_port, "GET", "/healthz")).status == 200:
            pass
        assert (answer.status, answer.json()) == (
            503,
            {"error": "not available: upper"},
        )


def test_other_sites_may_call_if_wanted(toys):
    with serving_rest(toys, "upper", cors=True) as port:
        preflight = ask(port, "OPTIONS", UPPER)
        assert (preflight.status, preflight.body) == (200, b"")
        asked = ask(port, "POST", UPPER, {"inputs": ["a"]})
        for answer in (preflight, asked, ask(port, "GET", "/v1/models/upper")):
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["access-control-allow-methods"] == "POST, GET"
            assert answer.headers["access-control-allow-headers"] == "Content-Type"
