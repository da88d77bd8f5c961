"""The remote calls: their names on the wire and their messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from serving.messages import (
    inference_pb2,
    management_pb2,
    metadata_pb2,
    predict_pb2,
    status_pb2,
)

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


PREDICT = Method(
    PREDICTION_SERVICE,
    "Predict",
    predict_pb2.PredictRequest,
    predict_pb2.PredictResponse,
)
CLASSIFY = Method(
    PREDICTION_SERVICE,
    "Classify",
    inference_pb2.ClassificationRequest,
    inference_pb2.ClassificationResponse,
)
REGRESS = Method(
    PREDICTION_SERVICE,
    "Regress",
    inference_pb2.RegressionRequest,
    inference_pb2.RegressionResponse,
)
MULTI_INFERENCE = Method(
    PREDICTION_SERVICE,
    "MultiInference",
    inference_pb2.MultiInferenceRequest,
    inference_pb2.MultiInferenceResponse,
)
GET_MODEL_METADATA = Method(
    PREDICTION_SERVICE,
    "GetModelMetadata",
    metadata_pb2.GetModelMetadataRequest,
    metadata_pb2.GetModelMetadataResponse,
)
GET_MODEL_STATUS = Method(
    MODEL_SERVICE,
    "GetModelStatus",
    status_pb2.GetModelStatusRequest,
    status_pb2.GetModelStatusResponse,
)
HANDLE_RELOAD_CONFIG = Method(
    MODEL_SERVICE,
    "HandleReloadConfigRequest",
    management_pb2.ReloadConfigRequest,
    management_pb2.ReloadConfigResponse,
)
