"""Malformed requests: what is no message of its kind, refused without a trace.

grpcio 1.85 keeps the state of each such call for ever, 15 kB, may wait for it when the
server stops, and logs a traceback each time. So nothing is raised where it parses: what
cannot be read goes on as a value, and is refused where the call is answered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
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
        if handler is None:
            return None
        if handler not in self._careful:
            self._careful[handler] = _careful(handler)
        return self._careful[handler]


def _careful(handler: _Handler) -> _Handler:
    make, behavior = _KINDS[handler.request_streaming, handler.response_streaming]
    answer = getattr(handler, behavior)
    wrap = _reading_all if handler.request_streaming else _reading_one
    return make(
        wrap(answer),
        request_deserializer=_parser(handler.request_deserializer),
        response_serializer=handler.response_serializer,
    )


_KINDS: dict[tuple[bool, bool], tuple[Callable[..., _Handler], str]] = {
    (False, False): (grpc.unary_unary_rpc_method_handler, "unary_unary"),
    (False, True): (grpc.unary_stream_rpc_method_handler, "unary_stream"),
    (True, False): (grpc.stream_unary_rpc_method_handler, "stream_unary"),
    (True, True): (grpc.stream_stream_rpc_method_handler, "stream_stream"),
}


def _parser(parse: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    if parse is None:
        return None

    def parsed(data: bytes) -> Any:
        try:
            return parse(data)
        except Exception:
            return MalformedRequest()

    return parsed


def _reading_one(answer: Callable) -> Callable:
    @functools.wraps(answer)  # with the attributes that gRPC looks for
    def careful(request: Any, context: grpc.ServicerContext, *more: Any) -> Any:
        if isinstance(request, MalformedRequest):
            context.abort(grpc.StatusCode.INTERNAL, _MESSAGE)
        return answer(request, context, *more)

    return careful


def _reading_all(answer: Callable) -> Callable:
    @functools.wraps(answer)
    def careful(requests: Iterator, context: grpc.ServicerContext, *more: Any) -> Any:
        def readable() -> Iterator:
            for request in requests:
                if isinstance(request, MalformedRequest):
                    context.abort(grpc.StatusCode.INTERNAL, _MESSAGE)
                yield request

        return answer(readable(), context, *more)

    return careful
