"""Addresses to listen on, checked before a model is loaded."""

from __future__ import annotations

import errno
import socket

from serving.errors import PortInUse, StartupFailed


def bare(host: str) -> str:
    """A host as sockets take it.

    >>> bare("[::1]")
    '::1'
    """
    return host.removeprefix("[").removesuffix("]")


def bracketed(host: str) -> str:
    """A host as it stands before a port.

    >>> bracketed("::1"), bracketed("[::1]"), bracketed("0.0.0.0")
    ('[::1]', '[::1]', '0.0.0.0')
    """
    return f"[{bare(host)}]" if ":" in host else host


def check_address(host: str, port: int) -> None:
    """Raises PortInUse or StartupFailed, in words, if a port cannot be had."""
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            bare(host), port, type=socket.SOCK_STREAM
        ):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise cannot_listen(host, port, error) from error


def cannot_listen(host: str, port: int, error: Exception) -> StartupFailed:
    """The error for a port that cannot be had."""
    place = f"cannot listen on {bracketed(host)}:{port}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return PortInUse(f"{place}; is another server running there?")
    return StartupFailed(f"{place}: {getattr(error, 'strerror', None) or error}")
