"""The calls of the server, as gRPC handlers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NoReturn

import grpc

from serving import methods
from serving.embedded import examples, management, metadata, predict
from serving.embedded.models import Models
from serving.embedded.refusal import Refusal

_LOG = logging.getLogger(__name__)

#: Answers a request within so many milliseconds (0: no limit), or raises Refusal.
Answer = Callable[[Models, Any, int], Any]

ANSWERS: dict[methods.Method, Answer] = {
    methods.PREDICT: predict.predict,
    methods.CLASSIFY: examples.classify,
    methods.REGRESS: examples.regress,
    methods.MULTI_INFERENCE: examples.multi_inference,
    methods.GET_MODEL_METADATA: metadata.get_model_metadata,
    methods.GET_MODEL_STATUS: metadata.get_model_status,
    methods.HANDLE_RELOAD_CONFIG: management.handle_reload_config,
}

# TF Serving cuts gRPC messages here, so that they fit into HTTP/2 headers.
_MESSAGE_BYTES = 1024


def handlers(models: Models) -> list[grpc.GenericRpcHandler]:
    """One generic handler per service."""
    by_service: dict[str, dict[str, grpc.RpcMethodHandler]] = {}
    for method, answer in ANSWERS.items():
        by_service.setdefault(method.service, {})[method.name] = (
            grpc.unary_unary_rpc_method_handler(
                _handler(models, answer),
                request_deserializer=method.request.FromString,
                response_serializer=method.response.SerializeToString,
            )
        )
    return [
        grpc.method_handlers_generic_handler(service, found)
        for service, found in by_service.items()
    ]


def _handler(
    models: Models, answer: Answer
) -> Callable[[Any, grpc.ServicerContext], Any]:
    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        remaining = context.time_remaining()
        if remaining is not None and remaining <= 0:
            _abort(context, _LATE)  # it waited for a thread until its time was over
        timeout_ms = 0 if remaining is None else max(1, int(remaining * 1000))
        try:
            return answer(models, request, timeout_ms)
        except Refusal as refusal:
            _abort(context, refusal)
        except Exception as error:
            _LOG.exception("a request failed in the server itself")
            _abort(context, Refusal(grpc.StatusCode.INTERNAL, repr(error)))

    return handle


_LATE = Refusal(
    grpc.StatusCode.DEADLINE_EXCEEDED, "Timed out waiting for notification"
)


def _abort(context: grpc.ServicerContext, refusal: Refusal) -> NoReturn:
    context.abort(refusal.code, _cut(refusal.message))
    raise AssertionError("abort returned")


def _cut(message: str) -> str:
    encoded = message.encode("utf-8")
    if len(encoded) <= _MESSAGE_BYTES:
        return message
    return encoded[:_MESSAGE_BYTES].decode("utf-8", "ignore") + "...TRUNCATED"
