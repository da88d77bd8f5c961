"""REST API without HTTP: a target and a body in, a response out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from serving.client.signature_contract import DEFAULT_SIGNATURE
from serving.messages import inference_pb2, metadata_pb2, predict_pb2, remote_calls
from serving.messages.remote_calls import Method
from serving.server.methods.metadata_and_status import SIGNATURE_DEF
from serving.server.refusal import Refusal, invalid
from serving.server.request_flow import RequestFlow
from serving.server.rest import (
    examples,
    json_parsing,
    predict_inputs,
    predict_outputs,
    status_and_metadata,
)
from serving.server.rest.responses import HttpResponse, refused
from serving.server.rest.routes import Target
from serving.server.versions.model_manager import ModelManager

#: JSON text of a response.
_Write = Callable[[Any], str]


@dataclass(frozen=True)
class Api:
    """Responds to requests; never raises."""

    flow: RequestFlow

    def respond(
        self, target: Target, body: Callable[[], bytes], deadline: float
    ) -> HttpResponse:
        """The response to one request, which has been admitted.

        Args:
            target: What is asked for, and of which model.
            body: Gives the JSON text, or raises Refusal.
            deadline: Point in ``time.monotonic`` at which the graph is stopped.
        """
        method, read = _VERBS[target.verb]
        request = method.request(model_spec=target.spec)

        def read_body() -> _Write:
            return read(self.flow.models, request, body())

        try:
            text = self.flow.run(method, request, None, deadline, read_body)
        except Refusal as refusal:
            return refused(refusal)
        return HttpResponse(200, text)

    def refuse(self, target: Target, refusal: Refusal) -> HttpResponse:
        """The response to a request that is refused before anybody looks into it."""
        method, _ = _VERBS[target.verb]
        request = method.request(model_spec=target.spec)
        self.flow.refuse(method, request, refusal)
        return refused(refusal)


def _read_predict(
    models: ModelManager, request: predict_pb2.PredictRequest, body: bytes
) -> _Write:
    parsed = json_parsing.parse(body)
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
    rows = form == predict_inputs.INSTANCES
    return predict_outputs.rows if rows else predict_outputs.columns


def _read_examples(
    request: inference_pb2.ClassificationRequest | inference_pb2.RegressionRequest,
    body: bytes,
) -> None:
    parsed = json_parsing.parse(body)
    request.model_spec.signature_name = predict_inputs.signature_name(parsed)
    request.input.CopyFrom(examples.examples(parsed))


def _read_classify(
    models: ModelManager, request: inference_pb2.ClassificationRequest, body: bytes
) -> _Write:
    _read_examples(request, body)
    return predict_outputs.classifications


def _read_regress(
    models: ModelManager, request: inference_pb2.RegressionRequest, body: bytes
) -> _Write:
    _read_examples(request, body)
    return predict_outputs.regressions


def _read_metadata(
    models: ModelManager, request: metadata_pb2.GetModelMetadataRequest, body: bytes
) -> _Write:
    request.metadata_field.append(SIGNATURE_DEF)
    return status_and_metadata.metadata


#: What answers a kind of request, and what fills the message, which has its model
#: already, from a body; that returns what writes the response.
_VERBS: dict[str, tuple[Method, Callable[[ModelManager, Any, bytes], _Write]]] = {
    "predict": (remote_calls.PREDICT, _read_predict),
    "classify": (remote_calls.CLASSIFY, _read_classify),
    "regress": (remote_calls.REGRESS, _read_regress),
    "metadata": (remote_calls.GET_MODEL_METADATA, _read_metadata),
    "status": (
        remote_calls.GET_MODEL_STATUS,
        lambda models, request, body: status_and_metadata.status,
    ),
}
