"""Arguments that say which model of which server, and how to reach it."""

from __future__ import annotations

import argparse
from typing import Any

from serving.client.certificates import Certificates
from serving.client.client import Client


def add_target(parser: argparse.ArgumentParser) -> None:
    """Adds ``--server``, ``--model`` and their companions."""
    parser.add_argument(
        "--server", default="127.0.0.1:8500", help="host:port (%(default)s)"
    )
    parser.add_argument("--model", required=True, help="name of the model")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="version; the newest by default")
    which.add_argument("--label", help="version label")
    parser.add_argument(
        "--timeout", type=float, default=30.0, help="seconds (%(default)s)"
    )
    parser.add_argument(
        "--compression", choices=("deflate", "gzip"), help="of requests"
    )
    tls = parser.add_argument_group("TLS", "any of these encrypts the connection")
    tls.add_argument(
        "--tls", action="store_true", help="trust the usual authorities of the web"
    )
    tls.add_argument(
        "--tls_authority", metavar="FILE", help="trust this one instead, a PEM file"
    )
    tls.add_argument("--tls_key", metavar="FILE", help="private key of the client")
    tls.add_argument("--tls_certificate", metavar="FILE", help="its certificates")
    tls.add_argument(
        "--tls_server_name", metavar="NAME", help="in the server's certificate"
    )


def client(options: argparse.Namespace) -> Client:
    """A client for what was asked for."""
    return Client(options.server, **arguments(options))


def arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What both kinds of clients take besides the target.

    Raises:
        ValueError: A file cannot be read, or a key is without certificate.
    """
    return {
        "model": options.model,
        "version": options.version,
        "label": options.label,
        "timeout": options.timeout,
        "compression": options.compression,
        "credentials": _certificates(options),
    }


def _certificates(options: argparse.Namespace) -> Certificates | None:
    authority, name = options.tls_authority, options.tls_server_name
    key, chain = options.tls_key, options.tls_certificate
    if not (options.tls or authority or key or chain or name):
        return None
    if bool(key) != bool(chain):
        raise ValueError(
            "--tls_key and --tls_certificate: expected both or none, received one"
        )
    return Certificates.read(authority, key, chain, name)
