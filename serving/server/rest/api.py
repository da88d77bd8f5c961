"""REST API without HTTP: a target and a body in, a reply out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from serving.messages import inference_pb2, predict_pb2, remote_calls
from serving.server.admission import Caller
from serving.server.methods.predict import DEFAULT_SIGNATURE
from serving.server.refusal import Refusal, invalid
from serving.server.request_flow import RequestFlow
from serving.server.rest import (
    examples,
    json_documents,
    predict_inputs,
    predict_outputs,
    status_and_metadata,
)
from serving.server.rest.responses import Reply, refused
from serving.server.rest.routes import Target
from serving.server.versions.model_manager import ModelManager


@dataclass(frozen=True)
class _Verb:
    """One kind of request.

    Attributes:
        method: What answers it.
        read: Fills a request, which has its model already, from a body; returns its
            form, ``instances`` or ``inputs``, where it has one.
        write: JSON text of a response, in that form.
    """

    method: remote_calls.Method
    read: Callable[[ModelManager, Any, bytes], str | None]
    write: Callable[[Any, Any], str]


@dataclass(frozen=True)
class Api:
    """Replies to requests; never raises."""

    flow: RequestFlow

    def reply(
        self, target: Target, body: Callable[[], bytes], caller: Caller, deadline: float
    ) -> Reply:
        """The reply to one request.

        Args:
            target: What is asked for, and of which model.
            body: Gives the JSON text, or raises Refusal.
            caller: Whoever waits.
            deadline: Point in ``time.monotonic`` at which the graph is stopped.
        """
        verb, request = _request(target)
        try:
            text = self.flow.run(
                verb.method,
                request,
                caller,
                deadline,
                lambda: verb.read(self.flow.models, request, body()),
                verb.write,
            )
        except Refusal as refusal:
            return refused(refusal)
        return Reply(200, text)

    def refuse(self, target: Target, refusal: Refusal) -> Reply:
        """The reply to a request that is refused before anybody looks into it."""
        verb, request = _request(target)
        self.flow.refuse(verb.method, request, refusal)
        return refused(refusal)


def _request(target: Target) -> tuple[_Verb, Message]:
    verb = _VERBS[target.verb]
    return verb, verb.method.request(model_spec=target.spec)


def _read_predict(
    models: ModelManager, request: predict_pb2.PredictRequest, body: bytes
) -> str:
    parsed = json_documents.parse(body)
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
    if form == predict_inputs.INSTANCES:
        return predict_outputs.rows(response.outputs)
    return predict_outputs.columns(response.outputs)


def _read_examples(
    models: ModelManager,
    request: inference_pb2.ClassificationRequest | inference_pb2.RegressionRequest,
    body: bytes,
) -> None:
    parsed = json_documents.parse(body)
    request.model_spec.signature_name = predict_inputs.signature_name(parsed)
    request.input.CopyFrom(examples.examples(parsed))


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
        lambda models, request, body: request.metadata_field.append("signature_def"),
        lambda response, form: status_and_metadata.metadata(response),
    ),
    "status": _Verb(
        remote_calls.GET_MODEL_STATUS,
        lambda models, request, body: None,
        lambda response, form: status_and_metadata.status(response),
    ),
}
