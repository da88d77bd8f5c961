"""What REST refuses: status by status and word by word, as TF Serving does."""

from __future__ import annotations

import pytest

from tests.serving.web import ask

_BOTH = {"inputs": [], "instances": []}

REFUSALS = {
    "empty": ("upper", "", 400, "JSON Parse error: The document is empty"),
    "blank": ("upper", " \n", 400, "JSON Parse error: The document is empty"),
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
    "signature without inputs": (
        "raw",
        {"signature_name": "seven", "inputs": {}},
        400,
        "Failed to get input map for signature: seven",
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
        "JSON Value: {\n    \"instances\": 1\n} Excepting 'instances' to be an "
        "list/array",
    ),
    "no instances": (
        "upper",
        {"instances": []},
        400,
        "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
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
}


@pytest.mark.parametrize(
    "body", ["x", '{"inputs": ["é', '{"a" 1}', "{} {}", '{"inputs": [1e999]}']
)
def test_malformed_json(predict, body):
    """What follows is each parser's own."""
    status, answer = predict("upper", body)
    assert status == 400
    assert answer["error"].startswith("JSON Parse error: ")


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


@pytest.mark.parametrize(
    "body, message",
    [
        (
            {"a": 1},
            "JSON Value: {\n    \"a\": 1\n} When method is classify, key 'examples' is "
            "expected and was not found",
        ),
        (
            {"examples": 1},
            "JSON Value: {\n    \"examples\": 1\n} Expecting 'examples' value to be an "
            "list/array",
        ),
        (
            {"examples": []},
            "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array",
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
