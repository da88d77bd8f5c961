"""How clients reach servers, the blocking one and that for asyncio alike."""

from __future__ import annotations

import dataclasses
import json
import signal
import socket
import threading
from concurrent import futures
from contextlib import ExitStack, contextmanager, suppress

import pytest

import serving
from serving import errors
from serving.client.connection import Connection
from serving.server import Server
from serving.server.tls import Tls
from tests.serving.clients import both
from tests.serving.conftest import LOOPBACK
from tests.serving.parties import CLIENTS, EXPIRED, OURS, STRANGERS

ONCE = serving.Retry(attempts=1)


@pytest.fixture(scope="module")
def mutual(toys):
    """Where a server wants certificates of its clients."""
    tls = Tls(OURS.key, OURS.chain, CLIENTS.root, verify_clients=True)
    options = dataclasses.replace(LOOPBACK, rest=None, tls=tls)
    with Server({"upper": toys / "upper"}, options) as server:
        yield f"127.0.0.1:{server.port}"


KNOWN = serving.Certificates(OURS.root, CLIENTS.key, CLIENTS.chain)


@both
def test_mutual_tls(mutual, ask):
    assert ask(mutual, credentials=KNOWN) == "A"
    named = dataclasses.replace(KNOWN, server_name="localhost")
    assert ask(mutual, credentials=named) == "A"
    assert ask(mutual, credentials=KNOWN.credentials()) == "A"


@both
@pytest.mark.parametrize(
    "credentials, error, words",
    [
        (
            dataclasses.replace(KNOWN, authorities=STRANGERS.root),
            errors.HandshakeFailed,
            "CERTIFICATE_VERIFY_FAILED",
        ),
        (
            dataclasses.replace(KNOWN, server_name="elsewhere"),
            errors.HandshakeFailed,
            "elsewhere|Hostname",
        ),
        (None, errors.ServerUnavailable, "perhaps the server expects TLS"),
        (
            serving.Certificates(OURS.root),
            errors.ServerUnavailable,
            "a client certificate",
        ),
        (
            serving.Certificates(OURS.root, STRANGERS.key, STRANGERS.chain),
            errors.ServerUnavailable,
            "a client certificate",
        ),
        (
            serving.Certificates(OURS.root, EXPIRED.key, EXPIRED.chain),
            errors.ServerUnavailable,
            "a client certificate",
        ),
    ],
    ids=["authority", "name", "plain", "no certificate", "stranger", "expired"],
)
def test_who_is_not_trusted(mutual, ask, credentials, error, words):
    with pytest.raises(error, match=words) as caught:
        ask(mutual, credentials=credentials, retry=ONCE)
    assert caught.value.code == "UNAVAILABLE"


@both
def test_waiting_for_a_server_that_is_not_trusted_ends_at_once(mutual, ask):
    wrong = dataclasses.replace(KNOWN, authorities=STRANGERS.root)
    with pytest.raises(errors.HandshakeFailed):
        ask(mutual, credentials=wrong, wait=True)
    assert ask(mutual, credentials=KNOWN, wait=True) == "A"


@both
def test_waiting_outlasts_a_server_that_comes_later(toys, ask):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, f"127.0.0.1:{port}", wait=True)
            with pytest.raises(futures.TimeoutError):
                asked.result(0.5)
            reserved.close()
            options = dataclasses.replace(LOOPBACK, rest=None, port=port)
            with Server({"upper": toys / "upper"}, options):
                assert asked.result(20) == "A"


def test_certificates_from_files(tmp_path):
    for name, pem in (("ca", OURS.root), ("key", CLIENTS.key), ("cert", CLIENTS.chain)):
        (tmp_path / name).write_bytes(pem)
    read = serving.Certificates.read
    files = [tmp_path / name for name in ("ca", "key", "cert")]
    assert read(*files) == KNOWN
    assert "PRIVATE" not in repr(KNOWN)
    with pytest.raises(ValueError, match="nowhere: No such file"):
        read(tmp_path / "nowhere")
    (tmp_path / "ca").write_text("x")
    with pytest.raises(ValueError, match="ca must be PEM"):
        read(*files)
    with pytest.raises(ValueError, match="Received: chain=None"):
        read(key=files[1])
    with pytest.raises(ValueError, match="Received: key=None"):
        read(chain=files[2])


def test_tls_on_the_command_line(mutual, tmp_path, cli):
    for name, pem in (("ca", OURS.root), ("key", CLIENTS.key), ("cert", CLIENTS.chain)):
        (tmp_path / name).write_bytes(pem)
    words = ("status", f"--server={mutual}", "--model=upper")
    files = [f"--tls_authority={tmp_path / 'ca'}", f"--tls_key={tmp_path / 'key'}"]
    named = (*files, f"--tls_certificate={tmp_path / 'cert'}")
    status, out, _ = cli(*words, *named, "--tls_server_name=localhost")
    assert (status, out) == (0, "1\tAVAILABLE\n")
    status, _, said = cli(*words, *files)
    assert status == 1 and "Expected: both or none" in said
    status, _, said = cli(*words, "--tls", "--timeout=5")
    assert status == 1 and "CERTIFICATE_VERIFY_FAILED" in said


class Counting:
    """Notes which of several servers was asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self, call):
        self.calls += call.method == "Predict"


@both
def test_calls_are_spread_over_all_addresses(toys, ask):
    counts = [Counting(), Counting()]
    with ExitStack() as stack:
        servers = []
        for count in counts:
            options = dataclasses.replace(LOOPBACK, rest=None, observers=(count,))
            servers.append(Server({"upper": toys / "upper"}, options))
            servers[-1].start()
            stack.callback(servers[-1].stop, 0)
        addresses = ",".join(f"127.0.0.1:{server.port}" for server in servers)

        def many():
            assert ask(f"ipv4:{addresses}", times=20) == "A"

        many()
        # The connection to one may be there earlier than that to the other.
        assert sum(count.calls for count in counts) == 20
        assert min(count.calls for count in counts) >= 5
        servers[0].stop(0)
        counts[0].calls = counts[1].calls = 0
        many()
        assert (counts[0].calls, counts[1].calls) == (0, 20)


@both
def test_names_are_resolved(target, ask):
    assert ask(f"dns:///localhost:{target.rpartition(':')[2]}") == "A"


def test_round_robin_is_for_targets_with_a_scheme():
    def policy(target):
        return Connection(target).service_config().get("loadBalancingConfig")

    assert policy("dns:///models:8500") == [{"round_robin": {}}]
    assert policy("models:8500") is None
    once = Connection("dns:///models:8500", retry=ONCE)
    assert dict(once.arguments())["grpc.service_config"] == json.dumps(
        {"loadBalancingConfig": [{"round_robin": {}}]}
    )


@both
@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_requests_are_packed(target, ask, compression):
    with forwarding(target) as (through, sent):
        assert ask(through, compression=compression) == "A"
        plain = sum(sent)
        text = "x" * 200_000
        with serving.Client(through, model="upper", compression=compression) as client:
            assert client.predict([text])[0].text == text.upper()
        assert sum(sent) - plain < 20_000


@contextmanager
def forwarding(target):
    """Another address of the same server, and how many bytes clients sent."""
    host, _, port = target.partition(":")
    sent = []

    def pump(source, sink, note):
        with source, sink, suppress(OSError):
            while data := source.recv(1 << 16):
                note(len(data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def accept(pool):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:  # closed: the test is over
                return
            far = socket.create_connection((host, int(port)))
            pool.submit(pump, near.dup(), far.dup(), sent.append)
            pool.submit(pump, far, near, lambda size: None)

    with futures.ThreadPoolExecutor(16) as pool:
        listener = socket.create_server(("127.0.0.1", 0))
        pool.submit(accept, pool)
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", sent
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def test_pings_find_servers_that_went_silent(toys, tmp_path, start):
    inputs = {name: [str(tmp_path / name)] for name in ("text", "started", "go")}
    keepalive = serving.Keepalive(seconds=0.5, timeout_seconds=0.5)
    with start(f"--model_base_path={toys / 'gate'}") as process:
        with (
            serving.Client(
                process.target,
                model="default",
                keepalive=keepalive,
                retry=ONCE,
                timeout=60,
            ) as client,
            futures.ThreadPoolExecutor(1) as pool,
        ):
            call = pool.submit(client.call, inputs)
            pause = threading.Event()
            while not (tmp_path / "started").exists():
                pause.wait(0.01)
            process.send(signal.SIGSTOP)
            with pytest.raises(errors.ServerUnavailable):
                call.result(30)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: Connection("x", compression="zip"),
            "`compression` must be one of gRPC's. Expected: 'gzip'",
        ),
        (
            lambda: serving.Keepalive(seconds=0),
            "`seconds` must be a time. Expected: more than 0",
        ),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()
