"""The asking side of the contract tests: the official stubs, nothing of ours."""

from __future__ import annotations

import grpc
import pytest

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


def stubs(channel: grpc.Channel):
    """Those of the PredictionService and of the ModelService."""
    from tensorflow_serving.apis import (
        model_service_pb2_grpc,
        prediction_service_pb2_grpc,
    )

    return (
        prediction_service_pb2_grpc.PredictionServiceStub(channel),
        model_service_pb2_grpc.ModelServiceStub(channel),
    )


def refused(call, request, code, message):
    """Fails unless the call ends with this code and exactly this message."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=20)
    assert caught.value.details() == message
    assert caught.value.code() is code


def checks_refusals(predict):
    """Fails unless a request over REST is refused with exactly this."""

    def check(model, body, status, message, choice="", verb="predict"):
        assert predict(model, body, choice, verb) == (status, {"error": message})

    return check
