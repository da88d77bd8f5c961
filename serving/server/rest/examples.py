"""Examples of a classify or regress request."""

from __future__ import annotations

from typing import Any

from serving.messages import example_pb2, inference_pb2, tensor_pb2
from serving.server.refusal import invalid
from serving.server.rest.json_documents import quote, type_name
from serving.server.rest.json_tensors import from_base64, is_base64, lossless

_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def examples(document: dict[str, Any]) -> inference_pb2.Input:
    """The examples of a body, with their context if it has one."""
    found = inference_pb2.Input()
    target: Any = found.example_list
    if "context" in document:
        target = found.example_list_with_context
        target.context.CopyFrom(_example(document["context"]))
    whole = "JSON Value: "
    if "examples" not in document:
        raise invalid(
            f"{whole}{quote(document)} When method is classify, key 'examples' is "
            "expected and was not found"
        )
    items = document["examples"]
    if not isinstance(items, list):
        raise invalid(
            f"{whole}{quote(document)} Expecting 'examples' value to be an list/array"
        )
    if not items:
        raise invalid(f"{whole}{quote(document)} 'examples' value is an empty array")
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
        _list(feature, "int64_list", name).append(int(value))
    elif isinstance(value, str):
        _list(feature, "bytes_list", name).append(value.encode("utf-8"))
    elif is_base64(value):
        _list(feature, "bytes_list", name).append(from_base64(value))
    elif isinstance(value, int):
        numbers = _list(feature, "int64_list", name)
        if value >= 1 << 63:
            raise invalid(
                f"Feature: {name} has uint64 element. Only int64 is supported."
            )
        numbers.append(value)
    elif isinstance(value, float):
        decimals = _list(feature, "float_list", name)
        if not lossless(value, tensor_pb2.DT_FLOAT):
            raise invalid(
                f"Cannot convert JSON value: {quote(value)} to float without loss of "
                "precision."
            )
        decimals.append(float(value))
    else:
        raise invalid(
            f"Feature: {name} has element with unexpected JSON type: {type_name(value)}"
        )


def _list(feature: example_pb2.Feature, kind: str, name: str) -> Any:
    current = feature.WhichOneof("kind")
    if current not in (None, kind):
        raise invalid(
            f"Unexpected element type in feature: {name} expecting type: "
            f"{_KINDS[current]}"
        )
    return getattr(feature, kind).value
