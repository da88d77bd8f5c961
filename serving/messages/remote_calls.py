"""Remote calls: their names on the wire and their messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.message_factory import GetMessageClass

from serving.messages import services_pb2

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"


@dataclass(frozen=True)
class Method:
    """One unary call of a service."""

    service: str
    name: str
    request: Any
    response: Any

    @property
    def path(self) -> str:
        """What HTTP/2 carries, such as ``/tensorflow.serving.ModelService/Name``."""
        return f"/{self.service}/{self.name}"

    def on(self, channel: Any) -> Any:
        """What makes this call; to be kept, since each one is registered anew.

        Args:
            channel: Of ``grpc`` or ``grpc.aio``.
        """
        return channel.unary_unary(
            self.path,
            request_serializer=self.request.SerializeToString,
            response_deserializer=self.response.FromString,
        )


def _method(service: str, name: str) -> Method:
    services = services_pb2.DESCRIPTOR.services_by_name
    found = services[service.rpartition(".")[2]].methods_by_name[name]
    messages = (GetMessageClass(kind) for kind in (found.input_type, found.output_type))
    return Method(service, name, *messages)


PREDICT = _method(PREDICTION_SERVICE, "Predict")
CLASSIFY = _method(PREDICTION_SERVICE, "Classify")
REGRESS = _method(PREDICTION_SERVICE, "Regress")
MULTI_INFERENCE = _method(PREDICTION_SERVICE, "MultiInference")
GET_MODEL_METADATA = _method(PREDICTION_SERVICE, "GetModelMetadata")
GET_MODEL_STATUS = _method(MODEL_SERVICE, "GetModelStatus")
HANDLE_RELOAD_CONFIG = _method(MODEL_SERVICE, "HandleReloadConfigRequest")
