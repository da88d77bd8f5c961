"""HandleReloadConfigRequest: what is refused, as TF Serving refuses it."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2

from tests.serving.conformance.test_predict import TEXT, A, N, asking
from tests.serving.contract import INVALID, refused

_UNSUPPORTED = (
    "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
    "ModelConfigList is currently supported"
)

# The last one: TF Serving has stored such a configuration before it looks at labels.
ROWS = {
    "nothing": ("", INVALID, _UNSUPPORTED),
    "custom": ("custom_model_config {}", INVALID, _UNSUPPORTED),
    "a model twice": (
        "model_config_list { config { name: 'x' } config { name: 'x' } }",
        INVALID,
        "Illegal to list model x multiple times in config list",
    ),
    "relative path": (
        "model_config_list { config { name: 'x' base_path: 'y' } }",
        INVALID,
        "Expected model x to have an absolute path or URI; got base_path()=y",
    ),
    "label for a version that is not there": (
        "model_config_list { config { name: 'upper' base_path: '/a' "
        "model_platform: 'tensorflow' version_labels { key: 'l' value: 3 } } }",
        grpc.StatusCode.FAILED_PRECONDITION,
        "Request to assign label to version 3 of model upper, which is not currently "
        "available for inference",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_reloads_that_are_refused(models, prediction, row):
    text, code, message = ROWS[row]
    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(f"config {{ {text} }}", request)
    refused(models.HandleReloadConfigRequest, request, code, message)
    # One that may have been mentioned, and another one.
    for request in (asking("upper", TEXT), asking("numbers", A | N)):
        assert prediction.Predict(request, timeout=20).model_spec.version.value == 1
