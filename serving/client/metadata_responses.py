"""Metadata and status messages as values."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from serving.client.values import ModelMetadata, Signature, TensorSpec, VersionStatus
from serving.errors import UnexpectedResponse
from serving.messages import error_codes_pb2, metadata_pb2, signature_pb2, status_pb2
from serving.tensors.decoding import decode, shape_of
from serving.tensors.dtypes import TensorError, dtype_name


def model_metadata(response: metadata_pb2.GetModelMetadataResponse) -> ModelMetadata:
    """What a model offers.

    Raises:
        UnexpectedResponse: The message holds no readable signatures.
    """
    packed = response.metadata["signature_def"].value
    try:
        signatures = metadata_pb2.SignatureDefMap.FromString(packed).signature_def
        return ModelMetadata(
            name=response.model_spec.name,
            version=response.model_spec.version.value,
            signatures={name: _signature(item) for name, item in signatures.items()},
        )
    except (DecodeError, TensorError) as error:
        raise UnexpectedResponse(f"the signatures cannot be read: {error}") from error


def version_status(item: status_pb2.ModelVersionStatus) -> VersionStatus:
    """How one version fares."""
    code = item.status.error_code
    known = code in error_codes_pb2.Code.values()
    return VersionStatus(
        version=item.version,
        state=status_pb2.ModelVersionStatus.State.Name(item.state),
        error_code=error_codes_pb2.Code.Name(code) if known else str(code),
        error_message=item.status.error_message,
    )


def _signature(definition: signature_pb2.SignatureDef) -> Signature:
    return Signature(
        inputs={name: _spec(info) for name, info in definition.inputs.items()},
        outputs={name: _spec(info) for name, info in definition.outputs.items()},
        defaults={name: decode(proto) for name, proto in definition.defaults.items()},
        method_name=definition.method_name,
    )


def _spec(info: signature_pb2.TensorInfo) -> TensorSpec:
    return TensorSpec(dtype_name(info.dtype), shape_of(info.tensor_shape))
