"""REST as TF Serving answers it: status by status and word by word."""

from __future__ import annotations

import dataclasses
import gzip
import json
import math
import socket

import numpy as np
import pytest

from serving.embedded import ConfigFile, Server
from serving.embedded.refusal import Refusal
from serving.embedded.rest import outputs
from serving.tensors import encode
from tests.serving.conftest import LOOPBACK
from tests.serving.toys import save_upper
from tests.serving.web import ask


@pytest.fixture
def predict(server):
    """Asks a model to predict: status and JSON."""

    def call(model, body, choice="", verb="predict"):
        path = f"/v1/models/{model}{choice}:{verb}"
        answer = ask(server.rest_port, "POST", path, body)
        assert answer.headers["content-type"].startswith("application/json")
        return answer.status, answer.json()

    return call


@pytest.fixture
def refuses(predict):
    """Fails unless a request is refused with this status and exactly this message."""

    def check(model, body, status, message, choice="", verb="predict"):
        assert predict(model, body, choice, verb) == (status, {"error": message})

    return check


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


def test_rows_need_one_batch_dimension(predict):
    status, found = predict("numbers", {"signature_name": "total", "instances": [1]})
    message = "Tensor name: sum has no shape information "
    assert (status, found) == (400, {"error": message})
    tensors = {name: encode(np.zeros(n, np.int32)) for name, n in (("a", 2), ("b", 3))}
    with pytest.raises(Refusal) as caught:
        outputs.rows(tensors)
    assert caught.value.message == (
        "Tensor name: b has inconsistent batch size: 3 expecting: 2"
    )


_BOTH = {"inputs": [], "instances": []}
_LONG = "x" * 5000

REFUSALS = {
    "empty": ("upper", "", 400, "JSON Parse error: The document is empty"),
    "blank": ("upper", " \n", 400, "JSON Parse error: The document is empty"),
    "no JSON": ("upper", "x", 400, "JSON Parse error: Invalid value. at offset: 0"),
    "cut": (
        "upper",
        '{"inputs": ["é',
        400,
        "JSON Parse error: Missing a closing quotation mark in string. at offset: 15",
    ),
    "no comma": (
        "upper",
        '{"inputs": ["{" "b"]}',
        400,
        "JSON Parse error: Missing a comma or ] after an array element. at offset: 16",
    ),
    "no comma in object": (
        "upper",
        '{"a": [1] "b"}',
        400,
        "JSON Parse error: Missing a comma or } after an object member. at offset: 10",
    ),
    "no name": (
        "upper",
        "{1: 2}",
        400,
        "JSON Parse error: Missing a name for object member. at offset: 1",
    ),
    "no colon": (
        "upper",
        '{"a" 1}',
        400,
        "JSON Parse error: Missing a colon after a name of object member. at offset: 5",
    ),
    "more": (
        "upper",
        "{} {}",
        400,
        "JSON Parse error: The document root must not be followed by other values. at "
        "offset: 3",
    ),
    "half a pair": (
        "upper",
        '{"inputs": ["\\ud800"]}',
        400,
        "JSON Parse error: The surrogate pair in string is invalid.",
    ),
    "large number": (
        "numbers",
        '{"inputs": [1e999]}',
        400,
        "JSON Parse error: Number too big to be stored in double.",
    ),
    "endless integer": (
        "numbers",
        '{"inputs": [%s]}' % ("9" * 5000),
        400,
        "JSON Parse error: Number too big to be stored in double.",
    ),
    "no object": ("upper", "[1]", 400, "JSON Value: [\n    1\n] Is not object"),
    "signature is no string": (
        "nope",
        {"signature_name": 1},
        400,
        'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
        "'signature_name' key must be a string value.",
    ),
    "model before signature": (
        "nope",
        {"signature_name": "foo"},
        404,
        "Servable not found for request: Latest(nope)",
    ),
    "signature before tensors": (
        "upper",
        {"signature_name": "foo"},
        400,
        'Serving signature name: "foo" not found in signature def',
    ),
    "neither": ("upper", {}, 400, "Missing 'inputs' or 'instances' key"),
    "both": (
        "upper",
        _BOTH,
        400,
        'JSON Value: {\n    "inputs": [],\n    "instances": []\n} Not formatted '
        "correctly expecting only one of 'inputs' or 'instances' keys to exist ",
    ),
    "no list": (
        "upper",
        {"instances": 1},
        400,
        'JSON Value: {\n    "instances": 1\n} Excepting \'instances\' to be an '
        "list/array",
    ),
    "no instances": (
        "upper",
        {"instances": []},
        400,
        'JSON Value: {\n    "instances": []\n} No values in \'instances\' array',
    ),
    "plain list": (
        "numbers",
        {"instances": [1]},
        400,
        "instances is a plain list, but expecting list of objects as multiple input "
        "tensors required as per tensorinfo_map",
    ),
    "plain value": (
        "numbers",
        {"inputs": [1]},
        400,
        "inputs is a plain value/list, but expecting an object as multiple input "
        "tensors required as per tensorinfo_map",
    ),
    "missing column": (
        "numbers",
        {"inputs": {"a": [[1, 2]]}},
        400,
        "Missing named input: n in 'inputs' object.",
    ),
    "default does not fill the gap": (
        "defaulted",
        {"inputs": {"a": [[1, 2]]}},
        400,
        "Missing named input: n in 'inputs' object.",
    ),
    "missing in a row": (
        "numbers",
        {"instances": [{"a": [1, 2]}]},
        400,
        "Failed to process element: 0 of 'instances' list. JSON object: {\n"
        '    "a": [\n        1,\n        2\n    ]\n} keys must be equal to: a,n',
    ),
    "unknown in a row": (
        "numbers",
        {"instances": [{"a": [1, 2], "z": 1}]},
        400,
        "Failed to process element: 0 key: z of 'instances' list. Error: "
        "INVALID_ARGUMENT: JSON object: does not have named input: z",
    ),
    "list among objects": (
        "numbers",
        {"instances": [{"a": [1, 2], "n": 1}, [1]]},
        400,
        "Expecting object but got list at item 1 of input list",
    ),
    "object among values": (
        "upper",
        {"instances": ["a", {"text": "b"}]},
        400,
        "Expecting value/list but got object at item 1 of input list",
    ),
    "ragged rows": (
        "numbers",
        {"instances": [{"a": [1, 2], "n": 1}, {"a": [1], "n": 1}]},
        400,
        "Failed to process element: 1 key: a of 'instances' list. Error: "
        "INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1",
    ),
    "rows of another shape": (
        "numbers",
        {"signature_name": "total", "instances": [[1, 2], [[1], [2]]]},
        400,
        "Failed to process element: 1 of 'instances' list. Error: "
        "INVALID_ARGUMENT: Expecting shape [2] but got: [2,1]",
    ),
    "ragged columns": (
        "numbers",
        {"inputs": {"a": [[1, 2, 3], [1, 2]], "n": [1]}},
        400,
        "Encountered list at unexpected size: 2 at level: 1 expected size: 3",
    ),
    "deeper": (
        "numbers",
        {"inputs": {"a": [1, [2]], "n": [1]}},
        400,
        "Encountered list at unexpected level: 1 expected < 1",
    ),
    "less deep": (
        "numbers",
        {"inputs": {"a": [[1, 2], 3], "n": [1]}},
        400,
        "JSON Value: 3 found at incorrect level: 2 in the JSON DOM. Expected at "
        "level: 2",
    ),
    "text for a number": (
        "numbers",
        {"inputs": {"a": [["x", 1]], "n": [1]}},
        400,
        'JSON Value: "x" Type: String is not of expected type: float',
    ),
    "truth for a number": (
        "numbers",
        {"inputs": {"a": [[True, 1]], "n": [1]}},
        400,
        "JSON Value: true Type: True is not of expected type: float",
    ),
    "decimal for an integer": (
        "numbers",
        {"inputs": {"a": [[1, 1]], "n": [1.0]}},
        400,
        "JSON Value: 1.0 Type: Number is not of expected type: int32",
    ),
    "large integer": (
        "numbers",
        {"inputs": {"a": [[1, 1]], "n": [1 << 31]}},
        400,
        "JSON Value: 2147483648 Type: Number is not of expected type: int32",
    ),
    "nothing for a text": (
        "upper",
        {"inputs": [None]},
        400,
        "JSON Value: null Type: Null is not of expected type: string",
    ),
    "imprecise": (
        "numbers",
        {"inputs": {"a": [[16777217, 1]], "n": [1]}},
        400,
        "Cannot convert JSON value: 16777217 to float without loss of precision.",
    ),
    "object for a text": (
        "upper",
        {"inputs": [{"b64": "YQ==", "x": 1}]},
        400,
        'JSON Value: {\n    "b64": "YQ==",\n    "x": 1\n} not formatted correctly for '
        "base64 data",
    ),
    "object for a number": (
        "numbers",
        {"inputs": {"a": [[{"b64": "YQ=="}, 1]], "n": [1]}},
        400,
        'JSON Value: {\n    "b64": "YQ=="\n} Type: Object is not of expected type: '
        "float",
    ),
    "no base64": ("upper", {"inputs": [{"b64": "*"}]}, 400, "Unable to base64 decode"),
    "long values are cut": (
        "upper",
        json.dumps([_LONG]),
        400,
        f'JSON Value: [\n    "{_LONG[:1017]}...TRUNCATED Is not object',
    ),
    "scalar text": (
        "upper",
        {"inputs": "hello"},
        400,
        "input text: expected shape [?], received []",
    ),
}


@pytest.mark.parametrize("row", REFUSALS)
def test_refusals(refuses, row):
    refuses(*REFUSALS[row])


@pytest.mark.parametrize(
    "method, path, status, message",
    [
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/", 400, "Malformed request: GET /v1/"),
        ("GET", "/v1/x?y=z", 400, "Malformed request: GET /v1/x"),
        ("POST", "/v1/models/upper", 400, "Malformed request: POST /v1/models/upper"),
        ("GET", "/v1/models/upper:predict", 400, None),
        ("PUT", "/v1/models/upper:predict", 400, None),
        ("OPTIONS", "/v1/models/upper:predict", 400, None),
        (
            "GET",
            "/v1/models/upper/versions/18446744073709551615",
            400,
            "Failed to convert version: 18446744073709551615 to numeric.",
        ),
        ("GET", "/v1/models/nope", 404, "Could not find any versions of model nope"),
        (
            "GET",
            "/v1/models/upper/versions/9",
            404,
            "Could not find version 9 of model upper",
        ),
        (
            "GET",
            "/v1/models/n%6fpe/metadata",
            404,
            "Servable not found for request: Latest(nope)",
        ),
        (
            "GET",
            "/v1/models/upper/versions/9/metadata",
            404,
            "Servable not found for request: Specific(upper, 9)",
        ),
        (
            "GET",
            "/v1/models/upper/labels/canary/metadata",
            400,
            "Unrecognized servable version label: canary",
        ),
    ],
)
def test_paths_that_lead_nowhere(server, method, path, status, message):
    answer = ask(server.rest_port, method, path)
    expected = message or f"Malformed request: {method} {path}"
    assert (answer.status, answer.json()) == (status, {"error": expected})


def test_label_of_a_prediction(refuses):
    message = "Unrecognized servable version label: canary"
    refuses("upper", {"inputs": ["a"]}, 400, message, "/labels/canary")


def test_paths_outside_are_a_page_of_html(server):
    for path in ("/", "/v2/models/upper", "/v1", "/monitoring/prometheus/metrics"):
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


@pytest.mark.parametrize(
    "body, message",
    [
        (
            {"a": 1},
            'JSON Value: {\n    "a": 1\n} When method is classify, key \'examples\' is '
            "expected and was not found",
        ),
        (
            {"examples": 1},
            'JSON Value: {\n    "examples": 1\n} Expecting \'examples\' value to be an '
            "list/array",
        ),
        (
            {"examples": []},
            'JSON Value: {\n    "examples": []\n} \'examples\' value is an empty array',
        ),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        (
            {"examples": [{"x": None}]},
            "Feature: x has element with unexpected JSON type: Null",
        ),
        (
            {"examples": [{"x": [1, "a"]}]},
            "Unexpected element type in feature: x expecting type: int64",
        ),
        (
            {"examples": [{"x": 1 << 63}]},
            "Feature: x has uint64 element. Only int64 is supported.",
        ),
        (
            {"examples": [{"x": 1e39}]},
            "Cannot convert JSON value: 1e+39 to float without loss of precision.",
        ),
        (
            {"signature_name": "nope", "examples": [{"x": 1.0}]},
            "No signature was found with the name: nope",
        ),
    ],
)
def test_examples_that_are_refused(refuses, body, message):
    refuses("upper", body, 400, message, verb="classify")


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
        "string": ["é\0\"\\\n\u2028😀", ""],
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
    instances = [{"b64": "w6k="}, {"b64": "4oLsIA"}, "é"]
    status, found = predict("upper", {"instances": instances})
    texts = [row["text"] for row in found["predictions"]]
    # What is no UTF-8 is replaced; TF Serving writes it as it is, which is no JSON.
    assert (status, texts) == (200, ["é", "\ufffd\ufffd ", "é"])
    as_object = {"inputs": {"b64": "YQ=="}}
    assert predict("upper", as_object)[0] == 400  # a scalar


def test_first_of_equal_names_counts(predict):
    body = '{"inputs": ["a"], "inputs": ["b"]}'
    assert predict("upper", body)[1]["outputs"]["text"] == ["A"]


def test_gzip_bodies(server):
    body = json.dumps({"inputs": ["a"]}).encode()
    path = "/v1/models/upper:predict"
    half = gzip.compress(body[:5]) + gzip.compress(body[5:])
    for packed in (gzip.compress(body), half):
        headers = {"Content-Encoding": "gzip"}
        answer = ask(server.rest_port, "POST", path, packed, headers)
        assert answer.json()["outputs"]["text"] == ["A"]
    for status, encoding, packed in (
        (400, "gzip", body),
        (400, "gzip", gzip.compress(body)[:-9]),
        (415, "br", body),
    ):
        headers = {"Content-Encoding": encoding}
        answer = ask(server.rest_port, "POST", path, packed, headers)
        assert answer.status == status
        assert "error" in answer.json()


def test_text_must_be_utf8(refuses):
    refuses(
        "upper",
        b'{"inputs": ["\xff"]}',
        400,
        "JSON Parse error: Invalid encoding in string. at offset: 13",
    )


def test_nesting_is_bounded(predict):
    for depth in (65, 900, 200_000):
        nested = "[" * depth + "1" + "]" * depth
        body = f'{{"signature_name": "total", "inputs": {nested}}}'
        status, found = predict("numbers", body)
        assert status == 400
        assert "nested" in found["error"]


def test_items_are_bounded(predict):
    body = '{"signature_name": "total", "inputs": [%s0]}' % ("0," * (1 << 21))
    status, found = predict("numbers", body)
    assert status == 400
    assert found["error"].startswith("expected at most 2097152 JSON items, received")


def test_versions_and_labels(toys, tmp_path):
    for version, mark in ((1, "one "), (2, "two "), (3, "three ")):
        save_upper(tmp_path / "upper" / str(version), mark)
    file = tmp_path / "models.config"
    file.write_text(
        'model_config_list { config { name: "upper" '
        f'base_path: "{tmp_path / "upper"}" model_platform: "tensorflow" '
        "model_version_policy { specific { versions: 1 versions: 2 } } "
        'version_labels { key: "stable" value: 1 } } }'
    )
    with Server(ConfigFile(file), LOOPBACK) as running:

        def asked(choice):
            path = f"/v1/models/upper{choice}:predict"
            return ask(running.rest_port, "POST", path, {"inputs": ["a"]})

        for choice, text in (
            ("", "two A"),
            ("/versions/1", "one A"),
            ("/versions/2", "two A"),
            ("/labels/stable", "one A"),
            ("/labels/%73table", "one A"),
        ):
            assert asked(choice).json()["outputs"]["text"] == [text]
        assert asked("/versions/3").status == 404
        path = "/v1/models/upper/labels/stable/metadata"
        found = ask(running.rest_port, "GET", path).json()
        assert found["model_spec"]["version"] == "1"
        states = ask(running.rest_port, "GET", "/v1/models/upper").json()
        versions = [line["version"] for line in states["model_version_status"]]
        assert versions == ["2", "1"]


def test_both_families_of_addresses(toys):
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    options = dataclasses.replace(LOOPBACK, host="[::]")
    with Server({"upper": toys / "upper"}, options) as running:
        for host in ("127.0.0.1", "::1"):
            try:
                probe = socket.create_connection((host, running.rest_port), 20)
            except OSError:
                assert host == "::1", "only IPv6 may be off"
                continue
            with probe:
                probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert probe.recv(100).startswith(b"HTTP/1.1 200 OK")
