"""Connection to a server: retries, sizes, pings, compression, encryption."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import grpc

from serving.client.certificates import Certificates
from serving.client.proxies import is_loopback, proxy_variable

#: gRPC's own limit for received messages is 4 MiB; a batch of alignments is larger.
MAX_MESSAGE_BYTES = 256 * 1024 * 1024

_PROXIES = "grpc.enable_http_proxy"
_COMPRESSIONS = {
    None: grpc.Compression.NoCompression,
    "deflate": grpc.Compression.Deflate,
    "gzip": grpc.Compression.Gzip,
}


@dataclass(frozen=True)
class Retry:
    """When gRPC sends a call again: the server was unavailable and time is left.

    Attributes:
        attempts: At most this many in all, 1 to 5; 1 never repeats.
        initial_seconds: Longest wait before the second attempt (the wait is random).
        max_seconds: Longest wait before any attempt.
        multiplier: Growth of the wait from one attempt to the next.

    >>> Retry(attempts=1).service_config()
    {}
    """

    attempts: int = 4
    initial_seconds: float = 0.1
    max_seconds: float = 2.0
    multiplier: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= 5:
            raise ValueError(
                "`attempts` must be a number that gRPC takes. Expected: 1 to 5. "
                f"Received: {self.attempts}"
            )

    def service_config(self) -> dict[str, Any]:
        """The part of gRPC's service config that says so.

        Tokens are spent on failures and come back with answers, so that servers which
        are down are not asked four times as often.
        """
        if self.attempts == 1:
            return {}
        policy = {
            "maxAttempts": self.attempts,
            "initialBackoff": f"{self.initial_seconds}s",
            "maxBackoff": f"{self.max_seconds}s",
            "backoffMultiplier": self.multiplier,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        return {
            "methodConfig": [{"name": [{}], "retryPolicy": policy}],
            "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.5},
        }


@dataclass(frozen=True)
class Keepalive:
    """Pings that find out whether a connection is still there.

    Servers close connections that ping more often than they allow, by default every
    300 seconds; their channel argument ``grpc.http2.min_ping_interval_without_data_ms``
    changes that.

    Attributes:
        seconds: Between pings.
        timeout_seconds: How long to wait for the answer to one.
        while_idle: Whether to ping while there are no calls too.

    >>> dict(Keepalive().arguments())["grpc.keepalive_time_ms"]
    300000
    """

    seconds: float = 300.0
    timeout_seconds: float = 20.0
    while_idle: bool = False

    def __post_init__(self) -> None:
        for name in ("seconds", "timeout_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(
                    f"`{name}` must be a time. Expected: more than 0. "
                    f"Received: {getattr(self, name)}"
                )

    def arguments(self) -> list[tuple[str, Any]]:
        """The channel arguments that say so."""
        timeout = round(self.timeout_seconds * 1000)
        return [
            ("grpc.keepalive_time_ms", round(self.seconds * 1000)),
            ("grpc.keepalive_timeout_ms", timeout),
            # grpcio 1.85 waits for this one, a minute by default, whatever that says.
            ("grpc.http2.ping_timeout_ms", timeout),
            ("grpc.keepalive_permit_without_calls", int(self.while_idle)),
            ("grpc.http2.max_pings_without_data", 0),
        ]


@dataclass(frozen=True)
class Connection:
    """Everything about a channel but the calls on it; see :class:`serving.Client`.

    A target with a scheme (``dns:///name:port``, ``ipv4:a:port,b:port``) asks for all
    addresses, which calls are spread over in turn; without one they go to the first
    that answers.
    """

    target: str
    retry: Retry = Retry()
    max_message_bytes: int = MAX_MESSAGE_BYTES
    keepalive: Keepalive | None = None
    compression: str | None = None
    credentials: grpc.ChannelCredentials | Certificates | None = None
    options: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.compression not in _COMPRESSIONS:
            raise ValueError(
                "`compression` must be one of gRPC's. Expected: 'gzip', 'deflate' or "
                f"None. Received: {self.compression!r}"
            )

    def service_config(self) -> dict[str, Any]:
        """gRPC's service config."""
        config = self.retry.service_config()
        if re.match(r"(dns|ipv4|ipv6):", self.target):
            config["loadBalancingConfig"] = [{"round_robin": {}}]
        return config

    @property
    def proxy(self) -> str | None:
        """Environment variable whose proxy is in between; None without."""
        enabled = dict(self.arguments()).get(_PROXIES, 1)
        return proxy_variable(self.target) if enabled else None

    def arguments(self) -> list[tuple[str, Any]]:
        """gRPC's channel arguments."""
        arguments: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", self.max_message_bytes),
            ("grpc.max_send_message_length", self.max_message_bytes),
            ("grpc.service_config", json.dumps(self.service_config())),
            ("grpc.enable_retries", int(self.retry.attempts > 1)),
            # A server that has just started should be found within a second, not
            # after gRPC's back-off of up to two minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            # Nor should a new replica wait for half a minute.
            ("grpc.dns_min_time_between_resolutions_ms", 5000),
        ]
        if is_loopback(self.target):
            arguments.append((_PROXIES, 0))
        if self.keepalive is not None:
            arguments += self.keepalive.arguments()
        if isinstance(self.credentials, Certificates):
            arguments += self.credentials.arguments()
        # Of two with one name, gRPC takes the first.
        return [*{**dict(arguments), **dict(self.options)}.items()]

    def open(self, api: Any) -> Any:
        """A channel.

        Args:
            api: The module ``grpc`` or ``grpc.aio``, whose functions have the same
                names.
        """
        arguments, compression = self.arguments(), _COMPRESSIONS[self.compression]
        credentials = self.credentials
        if credentials is None:
            return api.insecure_channel(self.target, arguments, compression)
        if isinstance(credentials, Certificates):
            credentials = credentials.credentials()
        return api.secure_channel(self.target, credentials, arguments, compression)
