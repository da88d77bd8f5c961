"""GetModelMetadata and GetModelStatus."""

from __future__ import annotations

from serving.messages import metadata_pb2, status_pb2
from serving.server.refusal import invalid
from serving.server.versions.model_manager import ModelManager

SIGNATURE_DEF = "signature_def"
# The wire name of the packed message; ours differs from TensorFlow's in the package.
_MAP_TYPE = "type.googleapis.com/tensorflow.serving.SignatureDefMap"


def get_model_metadata(
    models: ModelManager, request: metadata_pb2.GetModelMetadataRequest, timeout_ms: int
) -> metadata_pb2.GetModelMetadataResponse:
    """The signatures of a model."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid(
            "GetModelMetadataRequest must specify at least one metadata_field"
        )
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise invalid(f"Metadata field {field} is not supported")
    servable = models.find(request.model_spec)
    signatures = metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
    response = metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = servable.name
    response.model_spec.version.value = servable.version
    packed = response.metadata[SIGNATURE_DEF]
    packed.type_url = _MAP_TYPE
    packed.value = signatures.SerializeToString()
    return response


def get_model_status(
    models: ModelManager, request: status_pb2.GetModelStatusRequest, timeout_ms: int
) -> status_pb2.GetModelStatusResponse:
    """The state of each version of a model."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    statuses = models.status(request.model_spec)
    return status_pb2.GetModelStatusResponse(model_version_status=statuses)
