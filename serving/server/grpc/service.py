"""The calls of the server, as gRPC handlers."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import grpc

from serving.messages import remote_calls
from serving.server.admission import Turns, gone
from serving.server.methods import (
    classify_regress,
    metadata_and_status,
    predict,
    reload_config,
)
from serving.server.observability.call_record import PREDICTIONS, Observer, describe
from serving.server.observability.stopwatch import Stopwatch
from serving.server.refusal import Refusal, late
from serving.server.versions.model_manager import Models

_LOG = logging.getLogger(__name__)

#: Answers a request within so many milliseconds (0: no limit), or raises Refusal.
#: Those that compute need no more than a Finder.
Answer = Callable[[Any, Any, int], Any]

ANSWERS: dict[remote_calls.Method, Answer] = {
    remote_calls.PREDICT: predict.predict,
    remote_calls.CLASSIFY: classify_regress.classify,
    remote_calls.REGRESS: classify_regress.regress,
    remote_calls.MULTI_INFERENCE: classify_regress.multi_inference,
    remote_calls.GET_MODEL_METADATA: metadata_and_status.get_model_metadata,
    remote_calls.GET_MODEL_STATUS: metadata_and_status.get_model_status,
    remote_calls.HANDLE_RELOAD_CONFIG: reload_config.handle_reload_config,
}

# TF Serving cuts gRPC messages here, so that they fit into HTTP/2 headers.
_MESSAGE_BYTES = 1024

# Clients may send any deadline; TensorFlow counts its own in nanoseconds of 64 bits.
_LONGEST_SECONDS = 30 * 24 * 3600.0


def handlers(
    models: Models, turns: Turns, observers: Sequence[Observer] = ()
) -> list[grpc.GenericRpcHandler]:
    """One generic handler per service.

    Args:
        models: What is served.
        turns: Where calls that compute wait for their turn.
        observers: Are told of every call.
    """
    by_service: dict[str, dict[str, grpc.RpcMethodHandler]] = {}
    for method, answer in ANSWERS.items():
        by_service.setdefault(method.service, {})[method.name] = (
            grpc.unary_unary_rpc_method_handler(
                _handler(models, method.name, answer, turns, observers),
                request_deserializer=method.request.FromString,
                response_serializer=method.response.SerializeToString,
            )
        )
    return [
        grpc.method_handlers_generic_handler(service, found)
        for service, found in by_service.items()
    ]


def _handler(
    models: Models,
    name: str,
    answer: Answer,
    turns: Turns,
    observers: Sequence[Observer],
) -> Callable[[Any, grpc.ServicerContext], Any]:
    computes = name in PREDICTIONS
    timed = bool(observers) and computes

    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        response, refusal, begun = None, None, False
        start, watch = time.perf_counter(), Stopwatch(models)
        try:
            if computes:
                turns.begin(context, _remaining(context))
                begun = True
                start = time.perf_counter()
                if not context.is_active():
                    raise gone()
            asked = watch if timed else models
            response = answer(asked, request, _timeout_ms(context))
        except Refusal as raised:
            refusal = raised
        except Exception as error:
            _LOG.exception("a request failed in the server itself")
            refusal = Refusal(grpc.StatusCode.INTERNAL, repr(error))
        finally:
            if begun:
                turns.end()
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


def _remaining(context: grpc.ServicerContext) -> float:
    remaining = context.time_remaining()
    if remaining is None or remaining > _LONGEST_SECONDS:
        return math.inf
    return remaining


def _timeout_ms(context: grpc.ServicerContext) -> int:
    remaining = _remaining(context)
    if remaining == math.inf:
        return 0
    if remaining <= 0:
        raise late()  # it waited for its turn until its time was over
    return max(1, int(remaining * 1000))


def _abort(context: grpc.ServicerContext, refusal: Refusal) -> NoReturn:
    context.abort(refusal.code, _cut(refusal.message))
    raise AssertionError("abort returned")


def _cut(message: str) -> str:
    encoded = message.encode("utf-8")
    if len(encoded) <= _MESSAGE_BYTES:
        return message
    return encoded[:_MESSAGE_BYTES].decode("utf-8", "ignore") + "...TRUNCATED"
