"""GetModelMetadata and GetModelStatus, as TF Serving answers them."""

from __future__ import annotations

import pytest
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
)

from tests.serving.contract import INVALID, NOT_FOUND, refused


def metadata_request(model=None, fields=("signature_def",), version=None):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    if model is not None:
        request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    return request


METADATA_ROWS = {
    "no model spec": (metadata_request(), INVALID, "Missing ModelSpec"),
    "no field": (
        metadata_request("nope", ()),
        INVALID,
        "GetModelMetadataRequest must specify at least one metadata_field",
    ),
    "unknown field": (
        metadata_request("nope", ["signature_def", "x"]),
        INVALID,
        "Metadata field x is not supported",
    ),
    "unknown model": (
        metadata_request("nope"),
        NOT_FOUND,
        "Servable not found for request: Latest(nope)",
    ),
    "unknown version": (
        metadata_request("upper", version=7),
        NOT_FOUND,
        "Servable not found for request: Specific(upper, 7)",
    ),
}


@pytest.mark.parametrize("row", METADATA_ROWS)
def test_metadata_refuses(prediction, row):
    refused(prediction.GetModelMetadata, *METADATA_ROWS[row])


def test_metadata_holds_the_signatures(prediction, toys):
    from tensorflow.core.protobuf import saved_model_pb2

    response = prediction.GetModelMetadata(metadata_request("upper"), timeout=20)
    assert response.model_spec.name == "upper"
    assert response.model_spec.version.value == 1
    assert not response.model_spec.signature_name
    found = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    saved = (toys / "upper" / "1" / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(saved).meta_graphs[0]
    assert dict(found.signature_def) == dict(graph.signature_def)
    assert "__saved_model_init_op" in found.signature_def


def status_request(model=None, version=None):
    request = get_model_status_pb2.GetModelStatusRequest()
    if model is not None:
        request.model_spec.SetInParent()
        request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    return request


STATUS_ROWS = {
    "no model spec": (status_request(), INVALID, "Missing ModelSpec"),
    "empty name": (
        status_request(""),
        NOT_FOUND,
        "Could not find any versions of model ",
    ),
    "unknown model": (
        status_request("nope"),
        NOT_FOUND,
        "Could not find any versions of model nope",
    ),
    "unknown version": (
        status_request("upper", 9),
        NOT_FOUND,
        "Could not find version 9 of model upper",
    ),
}


@pytest.mark.parametrize("row", STATUS_ROWS)
def test_status_refuses(models, row):
    refused(models.GetModelStatus, *STATUS_ROWS[row])


def test_status_ignores_labels(models):
    request = status_request("upper")
    request.model_spec.version_label = "canary"
    (line,) = models.GetModelStatus(request, timeout=20).model_version_status
    assert (line.version, line.state) == (1, line.AVAILABLE)
    assert (line.status.error_code, line.status.error_message) == (0, "")
