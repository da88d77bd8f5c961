"""Responses to HTTP requests, independent of the HTTP framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc

from serving.server.refusal import Refusal
from serving.server.rest import predict_outputs

# TF Serving's map, http_server.cc.
_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class BadBody(Refusal):
    """A body that is refused with a status of HTTP's own; ``code`` is for metrics."""

    def __init__(
        self,
        status: int,
        message: str,
        code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT,
    ):
        super().__init__(code, message)
        self.status = status


@dataclass(frozen=True)
class HttpResponse:
    """One response: its status, its body, what that is, and further headers."""

    status: int
    text: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def refused(refusal: Refusal) -> HttpResponse:
    """The response that a refusal makes."""
    known = refusal.status if isinstance(refusal, BadBody) else None
    status = known or _STATUS.get(refusal.code, 500)
    return HttpResponse(status, predict_outputs.error(refusal.message))
