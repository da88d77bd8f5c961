"""Refusals: how the server says no, independent of gRPC and REST."""

from __future__ import annotations

from typing import NamedTuple

import grpc


class FieldLocation(NamedTuple):
    """The field of a configuration that is wrong, and in which model of the list."""

    field: str
    entry: int | None = None


class Refusal(Exception):
    """A request or a load ends with this status instead of a result.

    Args:
        code: Which kind of no.
        message: The exact text for the client.
        location: What is wrong in a configuration, if that is known.
    """

    def __init__(
        self, code: grpc.StatusCode, message: str, location: FieldLocation | None = None
    ):
        super().__init__(message)
        self.code = code
        self.message = message
        self.location = location

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


def invalid(message: str, location: FieldLocation | None = None) -> Refusal:
    """The request itself is wrong."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, message, location)


def precondition(message: str) -> Refusal:
    """The request does not fit what is served."""
    return Refusal(grpc.StatusCode.FAILED_PRECONDITION, message)


def not_found(message: str) -> Refusal:
    """What was asked for does not exist."""
    return Refusal(grpc.StatusCode.NOT_FOUND, message)


def late() -> Refusal:
    """The time of a call was over before it was computed."""
    return Refusal(
        grpc.StatusCode.DEADLINE_EXCEEDED, "Timed out waiting for notification"
    )


def unavailable(message: str) -> Refusal:
    """Not now; perhaps later or elsewhere."""
    return Refusal(grpc.StatusCode.UNAVAILABLE, message)
