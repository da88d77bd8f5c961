"""TLS: certificates from ``--ssl_config_file``, for gRPC and for REST."""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from serving.messages import ssl_config_pb2
from serving.server.config.text_format import ConfigError, line_of, read_config


@dataclass(frozen=True)
class Tls:
    """Certificates of a server, as PEM.

    Attributes:
        key: Private key of the server.
        certificates: Certificate of the server, and those that lead to its authority.
        authorities: Who may sign clients' certificates.
        verify_clients: Whether clients need a certificate (mutual TLS).
    """

    key: bytes = field(repr=False)
    certificates: bytes
    authorities: bytes = b""
    verify_clients: bool = False


def read_tls(path: str | Path) -> Tls:
    """The certificates in TF Serving's SSLConfig.

    Raises:
        ConfigError: In one line: the file, the line, and what is wrong there.
    """
    config = read_config(path, ssl_config_pb2.SSLConfig)

    def wrong(name: str, message: str) -> ConfigError:
        return ConfigError(f"{line_of(path, name)}: {name}: {message}")

    for name in ("server_key", "server_cert"):
        if not getattr(config, name):
            raise wrong(name, "must be PEM text. Expected: PEM. Received: nothing")
    if config.client_verify and not config.custom_ca:
        raise wrong("client_verify", "must have a custom_ca to verify against")
    tls = Tls(
        key=config.server_key.encode(),
        certificates=config.server_cert.encode(),
        authorities=config.custom_ca.encode(),
        verify_clients=config.client_verify,
    )
    try:
        _load_pair(tls)
    except (ssl.SSLError, ValueError) as error:
        name = "server_key" if _is_certificate(config.server_cert) else "server_cert"
        reason = (getattr(error, "reason", None) or str(error)).replace("_", " ")
        said = "server_key and server_cert are no pair in PEM: "
        raise wrong(name, said + (reason.lower() or "unreadable")) from None
    if config.custom_ca and not _is_certificate(config.custom_ca):
        raise wrong("custom_ca", "must be certificates in PEM")
    return tls


def grpc_credentials(tls: Tls) -> grpc.ServerCredentials:
    """For gRPC's port."""
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificates)],
        root_certificates=tls.authorities if tls.verify_clients else None,
        require_client_auth=tls.verify_clients,
    )


def ssl_context(tls: Tls) -> ssl.SSLContext:
    """For the REST port: the same demands as gRPC's."""
    context = _load_pair(tls)
    context.set_alpn_protocols(["http/1.1"])
    if tls.verify_clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=tls.authorities.decode())
    return context


def _load_pair(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # OpenSSL reads certificates from files only; this folder is ours alone.
    with tempfile.TemporaryDirectory(prefix="serving-tls-") as folder:
        key, certificates = os.path.join(folder, "key"), os.path.join(folder, "cert")
        Path(key).write_bytes(tls.key)
        Path(certificates).write_bytes(tls.certificates)
        # Without a password OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificates, key, password="")
    return context


def _is_certificate(text: str) -> bool:
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        return False
    return bool(text)
