"""REST as TF Serving answers it: status by status and word by word."""

from __future__ import annotations

import gzip
import json
import math

import numpy as np

from tests.serving.web import ask


def test_rows(predict):
    assert predict("upper", {"instances": ["a", "bc"]}) == (
        200,
        {
            "predictions": [
                {"text": "A", "log_prob": -0.5},
                {"text": "BC", "log_prob": -1.0},
            ]
        },
    )
    rows = [{"a": [1, 2.5], "n": 3}, {"n": 4, "a": [0, -1]}]
    found = {
        "predictions": [
            {"two_a": [2.0, 5.0], "two_n": 6},
            {"two_a": [0.0, -2.0], "two_n": 8},
        ]
    }
    assert predict("numbers", {"instances": rows}) == (200, found)
    body = {"signature_name": "serving_default", "instances": rows}
    for choice in ("", "/versions/1", "/versions/0001"):
        assert predict("numbers", body, choice) == (200, found)


def test_columns(predict):
    assert predict("upper", {"inputs": ["a"]}) == (
        200,
        {"outputs": {"text": ["A"], "log_prob": [-0.5]}},
    )
    columns = {"a": [[1, 2]], "n": [3], "ignored": "x"}
    assert predict("numbers", {"inputs": columns}) == (
        200,
        {"outputs": {"two_a": [[2.0, 4.0]], "two_n": [6]}},
    )
    scalar = {"signature_name": "total", "inputs": {"x": 2}}
    assert predict("numbers", scalar) == (200, {"outputs": {"sum": 2.0, "shape": []}})


def test_one_output_stands_alone(predict):
    body = {"signature_name": "regress", "inputs": []}
    assert predict("upper", body) == (200, {"outputs": []})


def test_outputs_whose_names_end_in_bytes_are_base64(predict):
    items = [{"b64": "/wD+"}, {"b64": ""}, "\u00e9"]
    found = [{"b64": "/wD+"}, {"b64": ""}, {"b64": "w6k="}]
    assert predict("raw", {"inputs": items}) == (
        200,
        {"outputs": {"text_bytes": found, "length": [3, 0, 2]}},
    )
    rows = [
        {"text_bytes": item, "length": size}
        for item, size in zip(found, [3, 0, 2], strict=True)
    ]
    assert predict("raw", {"instances": items}) == (200, {"predictions": rows})


def test_rows_need_one_batch_dimension(predict):
    status, found = predict("numbers", {"signature_name": "total", "instances": [1]})
    message = "Tensor name: sum has no shape information "
    assert (status, found) == (400, {"error": message})


def test_paths_outside_are_a_page_of_html(server):
    for path in ("/v2/models/upper", "/v1", "/monitoring/prometheus/metrics"):
        answer = ask(server.rest_port, "GET", path)
        assert answer.status == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert "access-control-allow-origin" not in answer.headers


def test_paths_ignore_case_and_queries(server):
    path = "/V1/Models/upper/VERSIONS/1:PREDICT?x=1"
    answer = ask(server.rest_port, "POST", path, {"inputs": ["a"]})
    assert answer.json()["outputs"]["text"] == ["A"]


def test_status(server):
    expected = {
        "model_version_status": [
            {
                "version": "1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    for path in ("/v1/models/upper", "/v1/models/upper/versions/1"):
        answer = ask(server.rest_port, "GET", path)
        assert (answer.status, answer.json()) == (200, expected)


def test_metadata(server):
    answer = ask(server.rest_port, "GET", "/v1/models/numbers/metadata").json()
    assert answer["model_spec"] == {
        "name": "numbers",
        "signature_name": "",
        "version": "1",
    }
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["defaults"] == {}
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["a"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {
            "dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}],
            "unknown_rank": False,
        },
        "name": "serving_default_a:0",
    }


def test_classify_and_regress(predict):
    examples = [{"x": 1.5}, {"x": [-2.0]}]
    body = {"signature_name": "classify", "examples": examples}
    assert predict("upper", body, verb="classify") == (
        200,
        {
            "results": [
                [["plus", 1.5], ["minus", -1.5]],
                [["plus", -2.0], ["minus", 2.0]],
            ]
        },
    )
    body = {"signature_name": "regress", "examples": [{}], "context": {"x": 3.0}}
    assert predict("upper", body, verb="regress") == (200, {"results": [6.0]})


def test_every_dtype_that_json_has(predict):
    values = {
        "float32": [0.1, 1 / 3, 1e-7, 3e38, 9e6, -0.0],
        "float64": [0.1, 1 / 3, 1e-300, 9007199254740991, 1e22],
        "int8": [-128, 127],
        "int16": [-32768],
        "int32": [-(1 << 31)],
        "int64": [-(1 << 63), (1 << 63) - 1],
        "uint8": [255],
        "uint32": [(1 << 32) - 1],
        "uint64": [(1 << 64) - 1],
        "bool": [True, False],
        "string": ['é\0"\\\n\u2028😀', ""],
    }
    unsupported = {
        "float16": "half",
        "bfloat16": "bfloat16",
        "uint16": "uint16",
        "complex64": "complex64",
        "complex128": "complex128",
    }
    # Without values there is nothing to convert on the way in, only on the way out.
    inputs = values | dict.fromkeys(unsupported, [])
    status, found = predict("mirror", {"inputs": inputs})
    assert status == 400
    prefix = "Failed to write JSON value for tensor type: "
    assert found["error"].removeprefix(prefix) in unsupported.values()
    for name, spelled in unsupported.items():
        status, found = predict("mirror", {"inputs": inputs | {name: [1]}})
        message = f"Conversion of JSON Value: 1 to type: {spelled}"
        assert (status, found["error"]) == (501, message)


def test_numbers_are_written_as_tf_serving_writes_them(server):
    numbers = [0.1, 1 / 3, 1e-7, 9e6, -0.0, 1.5e38, math.nan, math.inf, -math.inf]
    rows = [[number, 0] for number in numbers]
    body = {"inputs": {"a": rows, "n": [1 << 30]}}
    answer = ask(server.rest_port, "POST", "/v1/models/numbers:predict", body)
    text = answer.body.decode().replace(", 0.0]", "").replace(", -0.0]", "")
    written = text.partition("[[")[2].partition("]")[0].split(", [")
    assert written == (
        "0.2 0.666666687 2e-07 1.8e+07 -0.0 3e+38 NaN Infinity -Infinity".split()
    )
    found = np.array(answer.json()["outputs"]["two_a"], np.float32)[:, 0]
    np.testing.assert_array_equal(found, 2 * np.array(numbers, np.float32))
    assert answer.json()["outputs"]["two_n"] == [-(1 << 31)]


def test_bytes_go_in_as_base64_and_come_out_as_text(predict):
    instances = [{"b64": "w6k="}, "é"]
    status, found = predict("upper", {"instances": instances})
    texts = [row["text"] for row in found["predictions"]]
    assert (status, texts) == (200, ["é", "é"])


def test_gzip_bodies(server):
    body = json.dumps({"inputs": ["a"]}).encode()
    path = "/v1/models/upper:predict"
    half = gzip.compress(body[:5]) + gzip.compress(body[5:])
    for packed in (gzip.compress(body), half):
        headers = {"Content-Encoding": "gzip"}
        answer = ask(server.rest_port, "POST", path, packed, headers)
        assert answer.json()["outputs"]["text"] == ["A"]
