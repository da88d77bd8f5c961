"""gRPC handlers of TF Serving's methods."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import grpc

from serving.messages.remote_calls import Method
from serving.server.refusal import Refusal
from serving.server.request_flow import METHODS, RequestFlow

# TF Serving cuts gRPC messages here, so that they fit into HTTP/2 headers.
_MESSAGE_BYTES = 1024

# Clients may send any deadline; TensorFlow counts its own in nanoseconds of 64 bits.
_LONGEST_SECONDS = 30 * 24 * 3600.0


def handlers(flow: RequestFlow) -> list[grpc.GenericRpcHandler]:
    """One generic handler per service, for requests that take this way."""
    by_service: dict[str, dict[str, grpc.RpcMethodHandler]] = defaultdict(dict)
    for method in METHODS:
        by_service[method.service][method.name] = grpc.unary_unary_rpc_method_handler(
            _handler(flow, method),
            request_deserializer=method.request.FromString,
            response_serializer=method.response.SerializeToString,
        )
    make = grpc.method_handlers_generic_handler
    return [make(service, found) for service, found in by_service.items()]


def _handler(
    flow: RequestFlow, method: Method
) -> Callable[[Any, grpc.ServicerContext], Any]:
    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        remaining = context.time_remaining()
        if remaining is None or remaining > _LONGEST_SECONDS:
            remaining = math.inf
        try:
            return flow.run(method, request, context, time.monotonic() + remaining)
        except Refusal as refusal:
            return context.abort(refusal.code, _cut(refusal.message))

    return handle


def _cut(message: str) -> str:
    encoded = message.encode("utf-8")
    if len(encoded) <= _MESSAGE_BYTES:
        return message
    return encoded[:_MESSAGE_BYTES].decode("utf-8", "ignore") + "...TRUNCATED"
