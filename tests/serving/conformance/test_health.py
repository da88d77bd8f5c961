"""gRPC's health service: under which names, as TF Serving has them."""

from __future__ import annotations

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.serving.contract import NOT_FOUND


def asking(service):
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", ["", "PredictionService", "ModelService"])
def test_health_has_short_names(channel, service):
    response = health_pb2_grpc.HealthStub(channel).Check(asking(service), timeout=20)
    assert response.status == health_pb2.HealthCheckResponse.SERVING


def test_health_does_not_know_full_names(channel):
    call = health_pb2_grpc.HealthStub(channel).Check.future(
        asking("tensorflow.serving.PredictionService"), timeout=20
    )
    assert call.code() is NOT_FOUND
