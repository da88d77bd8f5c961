"""Certificates that a client shows and trusts on encrypted connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc


@dataclass(frozen=True)
class Certificates:
    """TLS, and mutual TLS, for a client; everything is PEM.

    Attributes:
        authorities: Those that the server's certificate has to lead to; None takes
            those that gRPC brings along.
        key: Private key of the client, for servers that verify clients.
        chain: Certificate of the client, then those that lead to its authority.
        server_name: The name in the server's certificate, if the target is not that
            name: an address, or a service that stands for many hosts.

    ::

        certificates = serving.Certificates.read(authorities="ca.pem")
        serving.Client("models:8500", model="m", credentials=certificates)
    """

    authorities: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    chain: bytes | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.key is None) != (self.chain is None):
            missing = "key" if self.key is None else "chain"
            raise ValueError(
                "`key` and `chain` belong together. Expected: both or none. "
                f"Received: {missing}=None"
            )

    @classmethod
    def read(
        cls,
        authorities: str | Path | None = None,
        key: str | Path | None = None,
        chain: str | Path | None = None,
        server_name: str | None = None,
    ) -> Certificates:
        """The same from files.

        Raises:
            ValueError: A file cannot be read.
        """
        return cls(_pem(authorities), _pem(key), _pem(chain), server_name)

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC makes of them."""
        return grpc.ssl_channel_credentials(self.authorities, self.key, self.chain)

    def arguments(self) -> list[tuple[str, Any]]:
        """Channel arguments besides."""
        if self.server_name is None:
            return []
        return [("grpc.ssl_target_name_override", self.server_name)]


def _pem(file: str | Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        found = Path(file).read_bytes()
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from error
    if b"-----BEGIN " not in found:
        raise ValueError(f"{file} must be PEM text")
    return found
