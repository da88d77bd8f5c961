"""Which version a path means, and at which addresses the embedded engine listens."""

from __future__ import annotations

import dataclasses
import socket

import pytest

import serving
from serving.errors import ModelLoadFailed, PortInUse, StartupFailed
from serving.server import ConfigFile, RestOptions, Server
from tests.serving.conftest import LOOPBACK
from tests.serving.toys import save_upper
from tests.serving.web import ask


def _has_ipv6_loopback():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


HAS_IPV6_LOOPBACK = _has_ipv6_loopback()


def test_versions_and_labels(toys, tmp_path):
    for version, mark in ((1, "one "), (2, "two "), (3, "three ")):
        save_upper(tmp_path / "upper" / str(version), mark)
    file = tmp_path / "models.config"
    file.write_text(
        'model_config_list { config { name: "upper" '
        f'base_path: "{tmp_path / "upper"}" model_platform: "tensorflow" '
        "model_version_policy { specific { versions: 1 versions: 2 } } "
        'version_labels { key: "stable" value: 1 } } }'
    )
    with Server(ConfigFile(file), LOOPBACK) as running:

        def asked(choice):
            path = f"/v1/models/upper{choice}:predict"
            return ask(running.rest_port, "POST", path, {"inputs": ["a"]})

        for choice, text in (
            ("", "two A"),
            ("/versions/1", "one A"),
            ("/versions/2", "two A"),
            ("/labels/stable", "one A"),
            ("/labels/%73table", "one A"),
        ):
            assert asked(choice).json()["outputs"]["text"] == [text]
        assert asked("/versions/3").status == 404
        path = "/v1/models/upper/labels/stable/metadata"
        found = ask(running.rest_port, "GET", path).json()
        assert found["model_spec"]["version"] == "1"
        states = ask(running.rest_port, "GET", "/v1/models/upper").json()
        versions = [line["version"] for line in states["model_version_status"]]
        assert versions == ["2", "1"]


def test_the_root_says_where_the_api_is(server):
    """TF Serving answers 404."""
    answer = ask(server.rest_port, "GET", "/")
    assert answer.status == 200
    said = answer.json()
    assert said["api"].startswith("/v1/models/NAME") and "--ui" in said["page"]
    document = ask(server.rest_port, "GET", said["openapi"]).json()
    assert "/v1/models/upper:predict" in document["paths"]
    assert ask(server.rest_port, "POST", "/", "{}").status == 404


def speaks_http(host, port):
    with socket.create_connection((host, port), 20) as probe:
        probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return probe.recv(100).startswith(b"HTTP/1.1 200 OK")


def speaks_grpc(target):
    with serving.Client(target, model="upper", timeout=20) as client:
        return client.predict(["a"])[0].text == "A"


@pytest.mark.parametrize("host", ["[::]", "::", "0:0:0:0:0:0:0:0"])
def test_both_families_of_addresses(toys, host):
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    options = dataclasses.replace(LOOPBACK, host=host)
    with Server({"upper": toys / "upper"}, options) as running:
        assert speaks_http("127.0.0.1", running.rest_port)
        assert speaks_grpc(f"127.0.0.1:{running.port}")
        if HAS_IPV6_LOOPBACK:
            assert speaks_http("::1", running.rest_port)
            assert speaks_grpc(f"[::1]:{running.port}")


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_of_ipv6_alone(toys, host):
    if not HAS_IPV6_LOOPBACK:
        pytest.skip("no IPv6 here")
    options = dataclasses.replace(LOOPBACK, host=host)
    with Server({"upper": toys / "upper"}, options) as running:
        assert speaks_http("::1", running.rest_port)
        assert speaks_grpc(f"[::1]:{running.port}")
        with pytest.raises(ConnectionRefusedError):
            speaks_http("127.0.0.1", running.rest_port)


@pytest.mark.parametrize(
    "host",
    ["192.0.2.1", "no.such.host.invalid", "2001:db8::1", "a..b", "x" * 64],
)
def test_an_address_that_is_not_here_is_refused_before_a_model_is_loaded(
    tmp_path, host
):
    """Without brackets of its own, and not as a port that somebody else has."""
    options = dataclasses.replace(LOOPBACK, host=host, rest=None)
    with pytest.raises(StartupFailed, match="cannot listen on ") as caught:
        Server({"upper": tmp_path / "none"}, options).start()
    assert not isinstance(caught.value, PortInUse | ModelLoadFailed)
    assert "another server" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::", "::1"])
@pytest.mark.parametrize("which", ["port", "REST port"])
def test_a_port_that_is_taken_is_refused_before_a_model_is_loaded(
    tmp_path, host, which
):
    if ":" in host and not HAS_IPV6_LOOPBACK:
        pytest.skip("no IPv6 here")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        ports = {"port": port} if which == "port" else {"rest": RestOptions(port=port)}
        options = dataclasses.replace(LOOPBACK, host=host, **ports)
        with pytest.raises(PortInUse, match=f"{port}; is another server running"):
            Server({"upper": tmp_path / "none"}, options).start()
