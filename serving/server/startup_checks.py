"""What is settled before a server opens its ports."""

from __future__ import annotations

import errno
import importlib.util
import socket

from serving.errors import MissingExtra, PortInUse, StartupFailed
from serving.server.rest.options import RestOptions


def require_extras(rest: RestOptions | None) -> None:
    packages = ["grpc_health", "grpc_reflection"]
    if rest is not None:
        packages.append("aiohttp")
        if rest.metrics_path is not None:
            packages.append("prometheus_client")
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"{package} is not installed: "
                "pip install 'keras-attention-seq2seq[server]'"
            )


def check_address(host: str, port: int) -> None:
    """Tells before a model is loaded, and in words, that a port cannot be had."""
    address = f"{host}:{port}"
    try:
        places = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, place in places:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"cannot listen on {address}; is another server running there?"
            ) from error
        raise StartupFailed(f"cannot listen on {address}: {error.strerror}") from error
