"""Anything at all on the ports: every request ends, the process lives on."""

from __future__ import annotations

import contextlib
import errno
import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import serving
from tests.serving.conftest import free_port
from tests.serving.web import ask

SETTINGS = settings(
    deadline=None,
    max_examples=150,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
#: What the process may grow by over all of this, in bytes.
MEMORY = 64 << 20


class Target:
    """A server process and its memory."""

    def __init__(self, process, port):
        self.process, self.port = process, port

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as lines:
            (line,) = [line for line in lines if line.startswith("VmRSS")]
        return int(line.split()[1]) * 1024

    def check(self):
        """Fails unless the server still answers rightly."""
        body = {"instances": ["a"]}
        answer = ask(self.port, "POST", "/v1/models/upper:predict", body)
        assert answer.json() == {"predictions": [{"log_prob": -0.5, "text": "A"}]}

    def send(self, data, port=None):
        """Everything that comes back for some bytes, over REST or another port."""
        received, place = b"", ("127.0.0.1", port or self.port)
        with contextlib.suppress(ConnectionError):
            with socket.create_connection(place, 20) as connection:
                connection.sendall(data)
                ended(connection)
                while part := connection.recv(65536):
                    received += part
        return received


def ended(connection):
    """Says that nothing more will be sent, if the other side still listens."""
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise


@pytest.fixture(scope="module")
def target(toys, start):
    """A process of its own, watched over the whole module."""
    port = free_port()
    flags = (
        f"--model_base_path={toys / 'upper'}",
        "--model_name=upper",
        f"--rest_api_port={port}",
    )
    with start(*flags) as process:
        found = Target(process, port)
        for _ in range(20):
            found.check()
        before = found.resident()
        yield found
        found.check()
        assert found.resident() - before < MEMORY


def is_answer(received):
    return received == b"" or received.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))


@SETTINGS
@given(st.binary(max_size=2000))
def test_raw_bytes(target, data):
    assert is_answer(target.send(data))


HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS_FRAME = b"\0\0\0\4\0\0\0\0\0"


@SETTINGS
@given(st.sampled_from([b"", HTTP2, HTTP2 + SETTINGS_FRAME]), st.binary(max_size=500))
def test_raw_bytes_for_grpc(target, start, data):
    target.send(start + data, target.process.port)
    with serving.Client(target.process.target, model="upper", timeout=20) as client:
        assert client.status()[0].state == "AVAILABLE"


PIECES = st.sampled_from(
    [
        b"POST /v1/models/upper:predict HTTP/1.1\r\n",
        b"GET /v1/models/upper HTTP/1.1\r\n",
        b"GET /v1/models/upper/metadata HTTP/1.0\r\n",
        b"PRI * HTTP/2.0\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"Host: x\r\n",
        b"Connection: keep-alive\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: websocket\r\nConnection: upgrade\r\n",
        b"X: " + b"a" * 9000 + b"\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"FFFFFFFFFFFFFFFF\r\n",
        b'{"instances": ["a"]}',
        b"\x1f\x8b\x08\x00\x00",
        b"\x16\x03\x01\x02\x00",
        b"a: b\r\n" * 500,
        b"\0",
    ]
)


@SETTINGS
@given(st.lists(PIECES, max_size=12))
def test_pieces_of_http(target, pieces):
    assert is_answer(target.send(b"".join(pieces)))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=5)
    | st.builds(lambda text: {"b64": text}, st.text(max_size=6)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["text", "inputs", "b64", "a"]), inner)
    ),
    max_leaves=12,
)
BODIES = st.dictionaries(
    st.sampled_from(
        ["instances", "inputs", "examples", "context", "signature_name", "x"]
    ),
    JSON | st.sampled_from(["align", "classify", "regress", "serving_default"]),
)


@SETTINGS
@given(BODIES, st.sampled_from(["predict", "classify", "regress"]))
def test_bodies_of_json(target, body, verb):
    answer = ask(target.port, "POST", f"/v1/models/upper:{verb}", json.dumps(body))
    assert answer.status in (200, 400, 501)
    keys = {"error"} if answer.status != 200 else {"predictions", "outputs", "results"}
    assert answer.json().keys() <= keys


@SETTINGS
@given(st.text(st.characters(codec="utf-8"), max_size=8), st.integers(0, 60))
def test_broken_json(target, piece, place):
    body = '{"signature_name": "serving_default", "instances": ["a", 1e5, NaN, true]}'
    body = body[:place] + piece + body[place + 1 :]
    answer = ask(target.port, "POST", "/v1/models/upper:predict", body)
    assert answer.status == 400
    assert answer.json().keys() == {"error"}


def test_too_many_headers(target):
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    many = b"".join(b"h%d: x\r\n" % index for index in range(100_000))
    received = target.send(head + many + b"\r\n")
    assert is_answer(received)
    assert b" 200 OK" not in received
