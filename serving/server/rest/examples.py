"""Examples of a classify or regress request."""

from __future__ import annotations

from typing import Any

from serving.messages import example_pb2, inference_pb2, tensor_pb2
from serving.server.refusal import invalid
from serving.server.rest.json_parsing import quote, type_name
from serving.server.rest.json_tensors import from_base64, is_base64, lossless

_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def examples(document: dict[str, Any]) -> inference_pb2.Input:
    """The examples of a body, with their context if it has one."""
    found = inference_pb2.Input()
    target: Any = found.example_list
    if "context" in document:
        target = found.example_list_with_context
        target.context.CopyFrom(_example(document["context"]))
    items, wrong = document.get("examples", []), None
    if "examples" not in document:
        wrong = "When method is classify, key 'examples' is expected and was not found"
    elif not isinstance(items, list):
        wrong = "Expecting 'examples' value to be an list/array"
    elif not items:
        wrong = "'examples' value is an empty array"
    if wrong is not None:
        raise invalid(f"JSON Value: {quote(document)} {wrong}")
    target.examples.extend(map(_example, items))
    return found


def _example(value: Any) -> example_pb2.Example:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    example = example_pb2.Example()
    for name, content in value.items():
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            _add(item, name, feature)
    return example


def _add(value: Any, name: str, feature: example_pb2.Feature) -> None:
    if isinstance(value, bool):
        kind, value = "int64_list", int(value)
    elif isinstance(value, str):
        kind, value = "bytes_list", value.encode("utf-8")
    elif is_base64(value):
        kind, value = "bytes_list", from_base64(value)
    elif isinstance(value, int):
        kind = "int64_list"
    elif isinstance(value, float):
        kind = "float_list"
    else:
        raise invalid(
            f"Feature: {name} has element with unexpected JSON type: {type_name(value)}"
        )
    current = feature.WhichOneof("kind")
    if current not in (None, kind):
        raise invalid(
            f"Unexpected element type in feature: {name} expecting type: "
            f"{_KINDS[current]}"
        )
    if kind == "int64_list" and value >= 1 << 63:
        raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
    if kind == "float_list" and not lossless(value, tensor_pb2.DT_FLOAT):
        raise invalid(
            f"Cannot convert JSON value: {quote(value)} to float without loss of "
            "precision."
        )
    getattr(feature, kind).value.append(value)
