"""How to reach a server: channel options, retries and message limits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: gRPC's own limit for received messages is 4 MiB; a batch of alignments is larger.
MAX_MESSAGE_BYTES = 256 * 1024 * 1024


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
            raise ValueError(f"attempts: expected 1 to 5, received {self.attempts}")

    def service_config(self) -> dict[str, Any]:
        """The part of gRPC's service config that says so."""
        if self.attempts == 1:
            return {}
        policy = {
            "maxAttempts": self.attempts,
            "initialBackoff": f"{self.initial_seconds}s",
            "maxBackoff": f"{self.max_seconds}s",
            "backoffMultiplier": self.multiplier,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        return {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}


def channel_options(
    retry: Retry,
    max_message_bytes: int,
    extra: Iterable[tuple[str, Any]] = (),
) -> list[tuple[str, Any]]:
    """gRPC's channel arguments; later ones win, so ``extra`` overrides."""
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.service_config", json.dumps(retry.service_config())),
        ("grpc.enable_retries", int(retry.attempts > 1)),
        # A server that has just started should be found within a second, not
        # after gRPC's back-off of up to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        *extra,
    ]
