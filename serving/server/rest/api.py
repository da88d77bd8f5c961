"""Request in, reply out: the REST API without HTTP."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from serving.messages import (
    inference_pb2,
    metadata_pb2,
    predict_pb2,
    remote_calls,
    status_pb2,
)
from serving.server.grpc.service import ANSWERS
from serving.server.methods.predict import DEFAULT_SIGNATURE
from serving.server.observability.call_record import (
    PREDICTIONS,
    Call,
    Observer,
    describe,
)
from serving.server.observability.stopwatch import Stopwatch
from serving.server.refusal import Refusal, invalid, late
from serving.server.rest import (
    examples,
    json_parser,
    predict_inputs,
    predict_outputs,
    status_and_metadata,
)
from serving.server.rest.responses import Reply, refused
from serving.server.rest.routes import Target
from serving.server.versions.model_manager import Models

_LOG = logging.getLogger(__name__)

#: Fills the request (given empty, with its model) from the body; writes the response.
_Read = Callable[[Models, Any, bytes], str]
_Write = Callable[[Any, str], str]


@dataclass(frozen=True)
class Api:
    """Answers what clients ask of models.

    Attributes:
        models: What is served.
        observers: Are told of every call.
    """

    models: Models
    observers: Sequence[Observer] = ()

    def answer(self, target: Target, body: bytes, deadline: float | None) -> Reply:
        """Answers one request; never raises.

        Args:
            target: What is asked for, and of which model.
            body: The JSON text.
            deadline: Point in ``time.monotonic`` at which the graph is stopped.
        """
        verb = _VERBS[target.verb]
        request = verb.method.request(model_spec=target.spec)
        response, code, start = None, grpc.StatusCode.OK, time.perf_counter()
        watch, name = Stopwatch(self.models), verb.method.name
        asked = watch if self.observers and name in PREDICTIONS else self.models
        try:
            timeout_ms = _remaining(deadline)
            form = verb.read(self.models, request, body)
            response = ANSWERS[verb.method](asked, request, timeout_ms)
            reply = Reply(200, verb.write(response, form))
        except Refusal as refusal:
            code, reply = refusal.code, refused(refusal)
        except Exception as error:
            _LOG.exception("a request failed in the server itself")
            code = grpc.StatusCode.INTERNAL
            reply = refused(Refusal(code, repr(error)))
        seconds = time.perf_counter() - start
        self._tell(
            describe(name, "REST", request, response, code, seconds, watch.seconds)
        )
        return reply

    def refuse(self, target: Target, refusal: Refusal) -> Reply:
        """Answers a request that is turned away before anybody looks into it."""
        verb = _VERBS[target.verb]
        request = verb.method.request(model_spec=target.spec)
        self._tell(describe(verb.method.name, "REST", request, None, refusal.code, 0.0))
        return refused(refusal)

    def _tell(self, call: Call) -> None:
        for observe in self.observers:
            observe(call)


@dataclass(frozen=True)
class _Verb:
    method: remote_calls.Method
    read: _Read
    write: _Write


def _remaining(deadline: float | None) -> int:
    if deadline is None:
        return 0
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise late()  # it waited for a thread until its time was over
    return max(1, int(remaining * 1000))


def _read_predict(
    models: Models, request: predict_pb2.PredictRequest, body: bytes
) -> str:
    parsed = json_parser.parse(body)
    request.model_spec.signature_name = predict_inputs.signature_name(parsed)
    servable = models.find(request.model_spec)
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(name)
    if signature is None:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    if not signature.inputs:
        asked = request.model_spec.signature_name or "DEFAULT"
        raise invalid(f"Failed to get input map for signature: {asked}")
    form, tensors = predict_inputs.tensors(parsed, signature.inputs)
    for alias, tensor in tensors.items():
        request.inputs[alias].CopyFrom(tensor)
    return form


def _write_predict(response: predict_pb2.PredictResponse, form: str) -> str:
    if not response.outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    write = (
        predict_outputs.rows
        if form == predict_inputs.INSTANCES
        else predict_outputs.columns
    )
    return write(response.outputs)


def _read_examples(
    models: Models,
    request: inference_pb2.ClassificationRequest | inference_pb2.RegressionRequest,
    body: bytes,
) -> str:
    parsed = json_parser.parse(body)
    request.model_spec.signature_name = predict_inputs.signature_name(parsed)
    request.input.CopyFrom(examples.examples(parsed))
    return ""


def _read_metadata(
    models: Models, request: metadata_pb2.GetModelMetadataRequest, body: bytes
) -> str:
    request.metadata_field.append("signature_def")
    return ""


def _read_status(
    models: Models, request: status_pb2.GetModelStatusRequest, body: bytes
) -> str:
    return ""


_VERBS = {
    "predict": _Verb(remote_calls.PREDICT, _read_predict, _write_predict),
    "classify": _Verb(
        remote_calls.CLASSIFY,
        _read_examples,
        lambda response, form: predict_outputs.classifications(response.result),
    ),
    "regress": _Verb(
        remote_calls.REGRESS,
        _read_examples,
        lambda response, form: predict_outputs.regressions(response.result),
    ),
    "metadata": _Verb(
        remote_calls.GET_MODEL_METADATA,
        _read_metadata,
        lambda response, form: status_and_metadata.metadata(response),
    ),
    "status": _Verb(
        remote_calls.GET_MODEL_STATUS,
        _read_status,
        lambda response, form: status_and_metadata.status(response),
    ),
}
