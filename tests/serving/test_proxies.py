"""Proxies of the environment: never between us and this machine, named elsewhere."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
import threading

import pytest

import serving
from serving import errors
from serving.server import Server
from serving.server.tls import Tls
from tests.serving import stand_ins
from tests.serving.clients import both
from tests.serving.conftest import LOOPBACK, ROOT, free_port
from tests.serving.parties import OURS

ONCE = serving.Retry(attempts=1)


class Proxy:
    """Notes who connects and hangs up."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[bytes] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed: the test is over
                return
            with connection:
                self.asked.append(connection.recv(1 << 16))

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture(params=["grpc_proxy", "https_proxy", "http_proxy"])
def variable(request, monkeypatch):
    for name in (
        "grpc_proxy",
        "https_proxy",
        "http_proxy",
        "no_grpc_proxy",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    return request.param


@pytest.fixture
def proxy(variable, monkeypatch):
    """A proxy that the environment names."""
    proxy = Proxy()
    monkeypatch.setenv(variable, proxy.url)
    yield proxy
    proxy.close()


@both
@pytest.mark.parametrize(
    "form",
    [
        "127.0.0.1:{}",
        "localhost:{}",
        "dns:///localhost:{}",
        "ipv4:127.0.0.1:{},127.0.0.1:{}",
    ],
)
def test_loopback_is_asked_directly(target, proxy, ask, form):
    port = target.rpartition(":")[2]
    assert ask(form.format(port, port), retry=ONCE) == "A"
    assert proxy.asked == []


@both
@pytest.mark.parametrize(
    "address",
    ["127.8.9.1", "LOCALHOST.", "[::1]", "ipv6:[::1]", "ipv6:%5B::1%5D", "0.0.0.0"],
)
def test_every_loopback_address_is_one(proxy, variable, ask, address):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, never listening
        port = reserved.getsockname()[1]
        with pytest.raises(errors.ServerUnavailable) as caught:
            ask(f"{address}:{port}", retry=ONCE)
    assert variable not in str(caught.value)
    assert proxy.asked == []


@both
def test_encrypted_loopback_is_asked_directly(toys, proxy, ask):
    options = dataclasses.replace(
        LOOPBACK, rest=None, tls=Tls(OURS.key, OURS.chain, b"", verify_clients=False)
    )
    with Server({"upper": toys / "upper"}, options) as server:
        certificates = serving.Certificates(OURS.root)
        target = f"localhost:{server.port}"
        assert ask(target, credentials=certificates, retry=ONCE) == "A"
    assert proxy.asked == []


@pytest.mark.parametrize("variable", ["http_proxy"], indirect=True)
def test_commands_ask_loopback_directly(target, proxy, cli):
    words = (f"--server={target}", "--model=upper", "--timeout=10")
    assert cli("predict", *words, "a") == (0, "A\n", "")
    status, out, _ = cli("load", *words, "--duration=0.1", "a")
    assert (status, out.partition(" ")[2].split(",")[0][:8]) == (0, "requests")
    assert proxy.asked == []


def _own_address():
    """An address of this machine that is not the loopback's, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return probe.getsockname()[0]


@pytest.mark.parametrize("variable", ["http_proxy"], indirect=True)
@pytest.mark.parametrize(
    "host, rest", [("0.0.0.0", False), ("own", False), ("own", True)]
)
def test_readiness_is_asked_directly(toys, tmp_path, proxy, host, rest):
    if host == "own" and (host := _own_address()) is None:
        pytest.skip("this machine has no address but the loopback's")
    words = ["--engine=docker", "--port=0", f"--host={host}", "--model_name=upper"]
    words += [f"--model_base_path={toys / 'upper'}", "--startup_timeout_seconds=60"]
    if rest:
        words.append(f"--rest_api_port={free_port()}")
    process = subprocess.Popen(
        [sys.executable, "-m", "serving", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=stand_ins.path_with(stand_ins.docker(tmp_path)),
        cwd=ROOT,
    )
    try:
        assert process.stdout.readline().startswith("ready engine=docker")
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert proxy.asked == []


@both
@pytest.mark.parametrize("target", ["models.invalid:8500", "dns:///models.invalid:85"])
def test_elsewhere_the_error_names_the_variable(proxy, variable, ask, target):
    with pytest.raises(errors.ServerUnavailable, match=f"variable {variable}\\)$"):
        ask(target, retry=ONCE)
    assert proxy.asked[0].startswith(b"CONNECT models.invalid:85")


@both
def test_a_proxy_that_says_nothing_is_named(variable, monkeypatch, ask):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        with pytest.raises(errors.DeadlineExceeded, match=f"variable {variable}"):
            ask("models.invalid:8500", retry=ONCE, timeout=0.3)


@both
@pytest.mark.parametrize("exceptions", ["no_proxy", "no_grpc_proxy"])
def test_exceptions_are_not_blamed_on_the_proxy(
    proxy, variable, monkeypatch, ask, exceptions
):
    monkeypatch.setenv(exceptions, "example.org, .invalid")
    with pytest.raises(errors.ServerUnavailable) as caught:
        ask("models.invalid:8500", retry=ONCE)
    assert variable not in str(caught.value)
    assert proxy.asked == []


def test_a_choice_of_the_caller_wins(target, proxy, variable):
    through = [("grpc.enable_http_proxy", 1)]
    with serving.Client(target, model="upper", retry=ONCE, options=through) as client:
        with pytest.raises(errors.ServerUnavailable, match=variable):
            client.status()
    assert proxy.asked
