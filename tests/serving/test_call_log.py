"""One line a call, if wanted; never what was in it."""

from __future__ import annotations

import json
import signal

import pytest

import serving
from serving.errors import ServingError
from serving.server.observability.call_log import formatter
from tests.serving.conftest import free_port
from tests.serving.web import ask

SECRET = "what nobody else may read"


def lines_of(toys, start, *flags):
    """What a server writes to stderr for three calls."""
    port = free_port()
    with start(
        f"--model_base_path={toys / 'upper'}",
        "--model_name=upper",
        f"--rest_api_port={port}",
        *flags,
    ) as process:
        with serving.Client(process.target, model="upper", timeout=20) as client:
            client.predict([SECRET, SECRET])
            with pytest.raises(ServingError):
                client.call({"text": [SECRET]}, signature="no such thing")
        body = {"signature_name": "align", "inputs": [SECRET]}
        assert ask(port, "POST", "/v1/models/upper:predict", body).status == 200
        process.send(signal.SIGTERM)
        status, errors = process.wait()
    assert status == 0
    assert SECRET not in errors
    return errors.splitlines()


EXPECTED = [
    ("Predict", "GRPC", "upper", 1, "serving_default", 2, "OK"),
    ("Predict", "GRPC", "upper", None, "no such thing", 1, "FAILED_PRECONDITION"),
    ("Predict", "REST", "upper", 1, "align", 1, "OK"),
]
NAMES = ("method", "entrypoint", "model", "version", "signature", "rows", "code")


def test_lines_for_machines(toys, start):
    lines = lines_of(toys, start, "--log_format=json", "--log_requests", "--nonsense=1")
    found = [json.loads(line) for line in lines]
    warning, engine = found.pop(0), found.pop(0)
    assert warning["level"] == "WARNING"
    assert warning["message"] == "unknown argument: --nonsense=1"
    assert (engine["level"], engine["message"]) == ("INFO", "engine=embedded")
    assert [tuple(line[name] for name in NAMES) for line in found] == EXPECTED
    for line in found:
        assert 0 < line["milliseconds"] < 20_000
        assert line["level"] == "INFO"
        assert line.keys() == {*NAMES, "milliseconds", "level", "time"}


def test_lines_for_people(toys, start):
    lines = lines_of(toys, start, "--log_requests")
    assert lines.pop(0) == "INFO engine=embedded"
    assert len(lines) == len(EXPECTED)
    assert lines[0].startswith(
        "INFO call method=Predict entrypoint=GRPC model=upper version=1 "
        "signature=serving_default rows=2 code=OK milliseconds="
    )
    assert 'version=- signature="no such thing"' in lines[1]


def test_no_lines_unless_wanted(toys, start):
    assert lines_of(toys, start) == ["INFO engine=embedded"]


def test_names_from_clients_cannot_forge_lines(caplog):
    import grpc

    from serving.server.observability.call_log import log_call
    from serving.server.observability.call_record import CallRecord

    caplog.set_level("INFO", "serving.calls")
    name = 'x\nINFO call code="OK"'
    log_call(CallRecord("Predict", "GRPC", name, grpc.StatusCode.NOT_FOUND, 0.001))
    (record,) = caplog.records
    for form in ("text", "json"):
        assert "\n" not in formatter(form).format(record)
    assert json.loads(formatter("json").format(record))["model"] == name
