"""Status and metadata of a model as JSON, every field printed."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from serving.messages import metadata_pb2, status_pb2


def status(response: status_pb2.GetModelStatusResponse) -> str:
    """A GetModelStatusResponse."""
    return json.dumps(_as_dict(response), indent=1, ensure_ascii=False)


def metadata(response: metadata_pb2.GetModelMetadataResponse) -> str:
    """A GetModelMetadataResponse, the packed signatures unpacked."""
    packed = response.metadata["signature_def"].value
    signatures = metadata_pb2.SignatureDefMap.FromString(packed)
    whole = {
        "model_spec": _as_dict(response.model_spec),
        "metadata": {"signature_def": _as_dict(signatures)},
    }
    return json.dumps(whole, indent=1, ensure_ascii=False)


def _as_dict(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
