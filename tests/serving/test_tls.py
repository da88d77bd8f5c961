"""TLS on both ports: who gets in, who does not, and what is said of bad files."""

from __future__ import annotations

import dataclasses
import re
import socket
import ssl

import grpc
import pytest

import serving
from serving.errors import HandshakeFailed
from serving.messages import remote_calls, status_pb2
from serving.server import RestOptions, Server
from serving.server.config.text_format import ConfigError
from serving.server.tls import Tls, read_tls
from tests.serving.conftest import LOOPBACK, ROOT, free_port
from tests.serving.parties import (
    CLIENTS,
    EXPIRED,
    EXPIRED_SERVER,
    GOOD,
    OURS,
    STRANGERS,
    config_text,
)
from tests.serving.web import ask


@pytest.fixture(scope="module", params=[False, True], ids=["tls", "mutual"])
def secure(request, toys, tmp_path_factory):
    """A server on TLS, and whether clients need certificates."""
    file = tmp_path_factory.mktemp("tls") / "ssl.config"
    more = {"custom_ca": CLIENTS.root, "client_verify": request.param}
    file.write_text(config_text(**GOOD, **more))
    rest = RestOptions(port=0, threads=2)
    options = dataclasses.replace(LOOPBACK, rest=rest, tls=read_tls(file))
    with Server({"upper": toys / "upper"}, options) as server:
        yield server, request.param


def over_grpc(server, root, client=None, target="127.0.0.1"):
    """Asks for the status; the code it ends with."""
    credentials = grpc.ssl_channel_credentials(
        root,
        None if client is None else client.key,
        None if client is None else client.chain,
    )
    address = f"{target}:{server.port}"
    with grpc.secure_channel(address, credentials) as channel:
        return status_over(channel)


def status_over(channel):
    method = remote_calls.GET_MODEL_STATUS
    call = channel.unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    request = status_pb2.GetModelStatusRequest()
    request.model_spec.name = "upper"
    try:
        call(request, timeout=20)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def over_rest(server, root, client=None, tmp_path=None):
    """Asks for a prediction; the status, or the error of the connection."""
    context = ssl.create_default_context(cadata=root.decode())
    if client is not None:
        client.certificate.private_key_and_cert_chain_pem.write_to_path(
            tmp_path / "client.pem"
        )
        context.load_cert_chain(tmp_path / "client.pem")
    path, body = "/v1/models/upper:predict", {"instances": ["a"]}
    try:
        return ask(server.rest_port, "POST", path, body, tls=context).status
    except (ssl.SSLError, ConnectionError) as error:
        return type(error)


def refused(found):
    return found is grpc.StatusCode.UNAVAILABLE or (
        isinstance(found, type) and issubclass(found, OSError)
    )


def test_clients_without_certificate(secure):
    server, mutual = secure
    found = over_grpc(server, OURS.root), over_rest(server, OURS.root)
    if mutual:
        assert refused(found[0]) and refused(found[1])
    else:
        assert found == (grpc.StatusCode.OK, 200)


def test_clients_with_a_certificate_of_the_authority(secure, tmp_path):
    server, _ = secure
    assert over_grpc(server, OURS.root, CLIENTS) is grpc.StatusCode.OK
    assert over_rest(server, OURS.root, CLIENTS, tmp_path) == 200


@pytest.mark.parametrize("client", [STRANGERS, EXPIRED], ids=["stranger", "expired"])
def test_clients_with_another_certificate(secure, tmp_path, client):
    server, mutual = secure
    found = (
        over_grpc(server, OURS.root, client),
        over_rest(server, OURS.root, client, tmp_path),
    )
    if mutual:
        assert refused(found[0]) and refused(found[1])
    else:
        assert found == (grpc.StatusCode.OK, 200)


def test_clients_that_trust_somebody_else(secure, tmp_path):
    server, _ = secure
    assert refused(over_grpc(server, STRANGERS.root, CLIENTS))
    assert over_rest(server, STRANGERS.root, CLIENTS, tmp_path) is (
        ssl.SSLCertVerificationError
    )


def test_servers_with_another_name(secure, tmp_path):
    """The certificate is for 127.0.0.1 and localhost."""
    server, _ = secure
    assert refused(over_grpc(server, OURS.root, CLIENTS, "127.0.0.2"))
    context = ssl.create_default_context(cadata=OURS.root.decode())
    with socket.create_connection(("127.0.0.1", server.rest_port), 20) as plain:
        with pytest.raises(ssl.SSLCertVerificationError, match="[Hh]ostname"):
            context.wrap_socket(plain, server_hostname="example.org")
    assert over_grpc(server, OURS.root, CLIENTS, "localhost") is grpc.StatusCode.OK


def test_plain_clients_get_nothing_and_stop_nobody(secure, tmp_path):
    server, _ = secure
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        assert status_over(channel) is grpc.StatusCode.UNAVAILABLE
    with pytest.raises((OSError, EOFError)) as caught:
        ask(server.rest_port, "GET", "/v1/models/upper")
    assert not isinstance(caught.value, TimeoutError)
    silent = socket.create_connection(("127.0.0.1", server.rest_port), 20)
    with silent:
        assert over_rest(server, OURS.root, CLIENTS, tmp_path) == 200
        assert over_grpc(server, OURS.root, CLIENTS) is grpc.StatusCode.OK


@pytest.mark.parametrize("kind", ["gRPC", "REST"])
def test_old_protocols_are_refused(secure, tmp_path, kind):
    server, _ = secure
    port = server.port if kind == "gRPC" else server.rest_port
    pem = tmp_path / "client.pem"
    CLIENTS.certificate.private_key_and_cert_chain_pem.write_to_path(pem)

    def agreed(oldest, newest):
        context = ssl.create_default_context(cadata=OURS.root.decode())
        context.set_alpn_protocols(["h2" if kind == "gRPC" else "http/1.1"])
        context.load_cert_chain(pem)
        # Or this side would not even try.
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version, context.maximum_version = oldest, newest
        with socket.create_connection(("127.0.0.1", port), 20) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
                return wrapped.version()

    current = ssl.TLSVersion.TLSv1_2
    assert agreed(current, current) == "TLSv1.2"
    # Python itself warns of it; what counts is the server's side, which hangs up.
    hung_up = pytest.raises(OSError, match="UNEXPECTED_EOF|ALERT_PROTOCOL|reset")
    with pytest.warns(DeprecationWarning):
        with hung_up:
            agreed(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)


def test_expired_servers_are_not_trusted(toys):
    rest, tls = RestOptions(port=0), Tls(EXPIRED_SERVER.key, EXPIRED_SERVER.chain)
    options = dataclasses.replace(LOOPBACK, rest=rest, tls=tls)
    with Server({"upper": toys / "upper"}, options) as server:
        with serving.Client(
            f"127.0.0.1:{server.port}",
            model="upper",
            timeout=20,
            credentials=serving.Certificates(OURS.root),
        ) as client:
            with pytest.raises(HandshakeFailed, match="CERTIFICATE_VERIFY_FAILED"):
                client.predict(["a"])
        assert over_rest(server, OURS.root) is ssl.SSLCertVerificationError


def test_served_from_the_command_line(toys, tmp_path, start):
    file, port = tmp_path / "ssl.config", free_port()
    file.write_text(config_text(**GOOD))
    with start(
        f"--model_base_path={toys / 'upper'}",
        "--model_name=upper",
        f"--rest_api_port={port}",
        f"--ssl_config_file={file}",
    ) as server:
        server.rest_port = port
        assert over_grpc(server, OURS.root) is grpc.StatusCode.OK
        assert over_rest(server, OURS.root) == 200


@pytest.mark.parametrize(
    "fields, line, words",
    [
        ({"server_cert": OURS.chain}, "", "server_key: must be PEM"),
        ({"server_key": OURS.key}, "", "server_cert: must be PEM"),
        (
            GOOD | {"client_verify": True},
            "LAST",
            "client_verify: must have",
        ),
        (GOOD | {"custom_ca": "x", "client_verify": True}, "", "custom_ca: must be"),
        ({"server_key": "x", "server_cert": OURS.chain}, "1", "server_key: server_key"),
        ({"server_key": OURS.key, "server_cert": "x"}, "", "server_cert: server_key"),
        (
            {"server_key": STRANGERS.key, "server_cert": OURS.chain},
            "1",
            "values mismatch",
        ),
    ],
)
def test_configurations_that_make_no_sense(tmp_path, fields, line, words):
    file = tmp_path / "ssl.config"
    file.write_text(config_text(**fields))
    with pytest.raises(ConfigError) as caught:
        read_tls(file)
    message = str(caught.value)
    if line == "LAST":
        line = str(len(file.read_text().splitlines()))
    assert message.startswith(f"{file}:{line}")
    assert words in message and "\n" not in message
    assert OURS.key.decode().splitlines()[1] not in message


def test_malformed_file_ends_the_start_in_one_line(toys, tmp_path, cli):
    file = tmp_path / "ssl.config"
    file.write_text('server_key: "a"\nserver_certificate: "b"\n')
    status, out, errors = cli(
        "serve", f"--model_base_path={toys / 'upper'}", f"--ssl_config_file={file}"
    )
    assert (status, out, errors.count("\n")) == (1, "", 1)
    assert f"{file}:2:1: " in errors and '"server_certificate"' in errors


def test_documented_way_to_write_the_file(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    for name, pem in (("key", OURS.key), ("cert", OURS.chain), ("ca", CLIENTS.root)):
        (tmp_path / f"{name}.pem").write_bytes(pem)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    tls = read_tls("ssl.config")
    assert (tls.key, tls.certificates) == (OURS.key, OURS.chain)
    assert (tls.authorities, tls.verify_clients) == (CLIENTS.root, True)


def test_keys_are_never_shown(tmp_path):
    file = tmp_path / "ssl.config"
    file.write_text(config_text(**GOOD))
    assert "PRIVATE" not in repr(read_tls(file))


def test_locked_keys_are_refused_without_a_prompt(tmp_path):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(OURS.key, None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    file = tmp_path / "ssl.config"
    file.write_text(config_text(server_key=locked, server_cert=OURS.chain))
    with pytest.raises(ConfigError, match="server_key"):
        read_tls(file)
