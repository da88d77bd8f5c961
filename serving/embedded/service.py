"""The calls of the server, as gRPC handlers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import grpc

from serving import methods
from serving.embedded import examples, management, metadata, predict
from serving.embedded.calls import PREDICTIONS, Observer, describe
from serving.embedded.models import Models
from serving.embedded.refusal import Refusal, late
from serving.embedded.stopwatch import Stopwatch

_LOG = logging.getLogger(__name__)

#: Answers a request within so many milliseconds (0: no limit), or raises Refusal.
#: Those that compute need no more than a Finder.
Answer = Callable[[Any, Any, int], Any]

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


def handlers(
    models: Models, observers: Sequence[Observer] = ()
) -> list[grpc.GenericRpcHandler]:
    """One generic handler per service; ``observers`` are told of every call."""
    by_service: dict[str, dict[str, grpc.RpcMethodHandler]] = {}
    for method, answer in ANSWERS.items():
        by_service.setdefault(method.service, {})[method.name] = (
            grpc.unary_unary_rpc_method_handler(
                _handler(models, method.name, answer, observers),
                request_deserializer=method.request.FromString,
                response_serializer=method.response.SerializeToString,
            )
        )
    return [
        grpc.method_handlers_generic_handler(service, found)
        for service, found in by_service.items()
    ]


def _handler(
    models: Models, name: str, answer: Answer, observers: Sequence[Observer]
) -> Callable[[Any, grpc.ServicerContext], Any]:
    timed = bool(observers) and name in PREDICTIONS

    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        response, refusal = None, None
        start, watch = time.perf_counter(), Stopwatch(models)
        asked = watch if timed else models
        try:
            response = answer(asked, request, _timeout_ms(context))
        except Refusal as raised:
            refusal = raised
        except Exception as error:
            _LOG.exception("a request failed in the server itself")
            refusal = Refusal(grpc.StatusCode.INTERNAL, repr(error))
        if observers:
            seconds = time.perf_counter() - start
            code = grpc.StatusCode.OK if refusal is None else refusal.code
            call = describe(
                name, "GRPC", request, response, code, seconds, watch.seconds
            )
            for observe in observers:
                observe(call)
        if refusal is not None:
            _abort(context, refusal)
        return response

    return handle


def _timeout_ms(context: grpc.ServicerContext) -> int:
    remaining = context.time_remaining()
    if remaining is None:
        return 0
    if remaining <= 0:
        raise late()  # it waited for a thread until its time was over
    return max(1, int(remaining * 1000))


def _abort(context: grpc.ServicerContext, refusal: Refusal) -> NoReturn:
    context.abort(refusal.code, _cut(refusal.message))
    raise AssertionError("abort returned")


def _cut(message: str) -> str:
    encoded = message.encode("utf-8")
    if len(encoded) <= _MESSAGE_BYTES:
        return message
    return encoded[:_MESSAGE_BYTES].decode("utf-8", "ignore") + "...TRUNCATED"
