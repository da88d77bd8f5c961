"""Malformed requests: what is no message of its kind, refused without a trace.

grpcio 1.85 keeps the state of each such call for ever, 15 kB, may wait for it when the
server stops, and logs a traceback each time. So nothing is raised where it parses: what
cannot be read goes on as a value, and is refused where the call is answered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import grpc

_MESSAGE = "Exception deserializing request!"  # grpcio's own

_Handler = Any  # grpc.RpcMethodHandler, for which there are no types
_Find = Callable[[grpc.HandlerCallDetails], Any]


class MalformedRequest:
    """Stands for a request that cannot be read."""


class RefuseMalformed(grpc.ServerInterceptor):
    """Keeps malformed requests from every handler of a server."""

    def __init__(self) -> None:
        self._careful: dict[_Handler, _Handler] = {}

    def intercept_service(
        self, continuation: _Find, handler_call_details: grpc.HandlerCallDetails
    ) -> _Handler:
        """The handler of a method, made careful."""
        handler = continuation(handler_call_details)
        if handler is not None and handler not in self._careful:
            self._careful[handler] = _careful(handler)
        return self._careful.get(handler)


def _careful(handler: _Handler) -> _Handler:
    kinds = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
    kind = kinds[2 * handler.request_streaming + handler.response_streaming]
    answer, parse = getattr(handler, kind), handler.request_deserializer

    def parsed(data: bytes) -> Any:
        try:
            return parse(data)
        except Exception:
            return MalformedRequest()

    def checked(request: Any, context: grpc.ServicerContext) -> Any:
        if isinstance(request, MalformedRequest):
            context.abort(grpc.StatusCode.INTERNAL, _MESSAGE)
        return request

    @functools.wraps(answer)  # with the attributes that gRPC looks for
    def careful(given: Any, context: grpc.ServicerContext, *more: Any) -> Any:
        if handler.request_streaming:
            given = (checked(request, context) for request in given)
        else:
            checked(given, context)
        return answer(given, context, *more)

    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(careful, parsed if parse else None, handler.response_serializer)
