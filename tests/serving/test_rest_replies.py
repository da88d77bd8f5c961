"""Every code of gRPC as a status of HTTP, over the wire."""

from __future__ import annotations

import grpc
import pytest

from serving.server import RestOptions
from serving.server.admission import Admission
from serving.server.refusal import Refusal
from serving.server.request_flow import RequestFlow
from serving.server.rest.api import Api
from serving.server.rest.http import Handler
from serving.server.rest.server import RestServer
from tests.serving.web import ask

# TF Serving's map, http_server.cc.
STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class Refusing:
    """Models of which each is refused with the code that it is named after."""

    def find(self, spec):
        raise Refusal(grpc.StatusCode[spec.name], f"not {spec.name}")


@pytest.fixture(scope="module")
def port():
    flow = RequestFlow("REST", Refusing(), Admission(1, 1))
    options = RestOptions(port=0)
    server = RestServer(Handler(Api(flow), options), options)
    server.start("127.0.0.1")
    yield server.port
    server.stop()


def test_every_code_has_a_status():
    assert {*STATUS} == {code.name for code in grpc.StatusCode} - {"OK"}


@pytest.mark.parametrize("code", STATUS)
def test_status(port, code):
    answer = ask(port, "GET", f"/v1/models/{code}/metadata")
    assert (answer.status, answer.json()) == (STATUS[code], {"error": f"not {code}"})
