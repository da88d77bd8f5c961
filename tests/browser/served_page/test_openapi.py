"""The OpenAPI document against its specification, and the server against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.serving.web import ask, asks

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)
EXAMPLES = 60


@pytest.fixture
def document(served):
    return ask(served.rest_port, "GET", "/openapi.json").json()


def test_the_document_is_valid(document):
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(document, cls=validator.OpenAPIV31SpecValidator)


def test_every_example_works(document, served):
    predict = asks(served.rest_port)
    names = set()
    for path, methods in document["paths"].items():
        if "post" not in methods:
            continue
        body = methods["post"]["requestBody"]["content"]["application/json"]
        for name, example in body["examples"].items():
            model = path.removeprefix("/v1/models/").removesuffix(":predict")
            status, answer = predict(model, example["value"])
            assert (status, set(answer)) == (200, {"outputs"}), (name, answer)
            names.add(name)
    assert {"align", "align_with_options", "n_best", "step", "score"} < names


def test_a_text_alone_is_enough(served):
    """``curl -d '{"signature_name": "align", "inputs": {"text": ["star"]}}'``."""
    predict = asks(served.rest_port)
    for inputs in ({"text": ["star"]}, ["star"]):
        body = {"signature_name": "align", "inputs": inputs}
        status, answer = predict("letters", body)
        outputs = answer["outputs"]
        assert status == 200 and outputs["source_end"][0][:5] == [1, 2, 3, 4, 4]
        assert len(outputs["alignment"][0]) == outputs["length"][0]
    for form, key in (("inputs", "outputs"), ("instances", "predictions")):
        body = {"signature_name": "n_best", form: ["star"]}
        status, answer = predict("letters", body)
        found = answer[key]
        row = found["log_prob"][0] if form == "inputs" else found[0]["log_prob"]
        assert status == 200 and len(row) == 10 and row == sorted(row, reverse=True)


def test_schemathesis_finds_no_undocumented_answer(served, tmp_path):
    pytest.importorskip("schemathesis")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"http://127.0.0.1:{served.rest_port}/openapi.json",
            *("--checks", CHECKS, "--max-examples", str(EXAMPLES), "--seed", "1"),
            *("--phases", "examples,coverage,fuzzing", "--report", "junit"),
            *("--report-junit-path", str(tmp_path / "found.xml"), "--no-color"),
        ],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=tmp_path,
        env=os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        check=False,
    )
    assert done.returncode == 0, json.dumps(done.stdout[-6000:]) + done.stderr[-2000:]
