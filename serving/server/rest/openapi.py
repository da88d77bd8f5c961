"""OpenAPI document of a server, made from the signatures that it serves."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from serving.client.signature_contract import DEFAULT_SIGNATURE
from serving.messages import signature_pb2, tensor_pb2
from serving.server.rest.json_tensors import RANGES
from serving.server.rest.predict_inputs import INPUTS, INSTANCES
from serving.server.versions.servable import Servable
from serving.tensors.decoding import decode, shape_of
from serving.tensors.dtypes import dtype_name

PATH = "/openapi.json"

_Schema = dict[str, Any]
_Infos = Mapping[str, signature_pb2.TensorInfo]

_ABOUT = (
    "TF Serving's REST API over the models of this server. Every path of a model also "
    "takes `/versions/NUMBER` or `/labels/LABEL` after its name. A signature wants all "
    "its inputs: `default` says what the model's author chose. Numbers that are none "
    "are read and written as the bare words NaN, Infinity and -Infinity."
)
_VERBS = {
    "classify": "tensorflow/serving/classify",
    "regress": "tensorflow/serving/regress",
}
_STATUSES = {
    "400": "The request is wrong, or does not fit the signature.",
    "404": "There is no such model or version.",
    "408": "The request did not arrive in time.",
    "413": "The body is too large.",
    "415": "The Content-Encoding is unknown.",
    "429": "Too many requests wait already.",
    "500": "The graph, or the server itself, failed.",
    "501": "JSON has no form for a tensor of this type.",
    "503": "The server is shutting down.",
    "504": "There was no answer in time.",
}
_STRING: _Schema = {"type": "string"}
_BASE64: _Schema = {
    "type": "object",
    "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
    "required": ["b64"],
    "additionalProperties": False,
}
#: Numbers that an input of an example has at most.
_MOST = 1000
#: What an input of this name holds in exports of keras_attention, where text does not.
_EXAMPLES = {"token": "<s>", "target_text": "HH AH L OW"}


def document(servables: Iterable[Servable], metrics_path: str | None) -> str:
    """The document as JSON, OpenAPI 3.1: a path for each thing to ask of each model.

    Args:
        servables: Of each model the version that answers.
        metrics_path: Where Prometheus' metrics are; None without.
    """
    paths: dict[str, Any] = {
        "/healthz": _get("health", "Whether every model can be asked", "503"),
        PATH: _get("openapi", "This document"),
    }
    if metrics_path is not None:
        paths[metrics_path] = _get("metrics", "Metrics for Prometheus")
        text = {"text/plain": {"schema": _STRING}}
        paths[metrics_path]["get"]["responses"]["200"]["content"] = text
    tags = []
    for servable in servables:
        name = servable.name
        tags.append({"name": name, "description": f"version {servable.version}"})
        paths |= _paths(servable)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Served models", "version": "v1", "description": _ABOUT},
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {"error": _STRING},
                    "required": ["error"],
                }
            }
        },
    }
    return json.dumps(whole, indent=1, ensure_ascii=False)


def _paths(servable: Servable) -> dict[str, Any]:
    name = servable.name
    base, tag = f"/v1/models/{quote(name, safe='')}", {"tags": [name]}
    # One without inputs, such as what initialises the model, cannot be asked.
    signatures = {k: v for k, v in sorted(servable.signatures.items()) if v.inputs}
    predict = {
        "operationId": f"predict {name}",
        "summary": f"Compute a signature of {name}",
        "requestBody": _body(
            [form for item in signatures.items() for form in _requests(*item)],
            {
                key: {"value": _example(key, value)}
                for key, value in signatures.items()
                if all(_size(info) <= _MOST for info in value.inputs.values())
            },
        ),
        "responses": _responses(
            [form for value in signatures.values() for form in _answers(value.outputs)]
        ),
    }
    found = {
        base: _get(f"status {name}", f"States of the versions of {name}", "404"),
        f"{base}/metadata": _get(
            f"metadata {name}", f"Signatures of {name}", "404", "504"
        ),
        f"{base}:predict": {"post": predict},
    }
    for verb, method in _VERBS.items():
        of_verb = [k for k, v in signatures.items() if v.method_name == method]
        if of_verb:
            names = {"signature_name": {"enum": of_verb}}
            examples = {"type": "array", "items": {"type": "object"}, "minItems": 1}
            results = {"results": {"type": "array"}}
            found[f"{base}:{verb}"] = {
                "post": {
                    "operationId": f"{verb} {name}",
                    "summary": f"{verb.title()} examples by {name}",
                    "requestBody": _body(
                        [_object(names | {"examples": examples}, ["examples"])], {}
                    ),
                    "responses": _responses([_object(results)]),
                }
            }
    for item in found.values():
        for operation in item.values():
            operation |= tag
    return found


def _get(identity: str, summary: str, *statuses: str) -> dict[str, Any]:
    responses = _responses([{"type": "object"}], statuses)
    return {
        "get": {"operationId": identity, "summary": summary, "responses": responses}
    }


def _body(schemas: list[_Schema], examples: dict[str, Any]) -> dict[str, Any]:
    content = {"schema": {"anyOf": schemas}} | (
        {"examples": examples} if examples else {}
    )
    return {"required": True, "content": {"application/json": content}}


def _responses(
    schemas: list[_Schema], statuses: Iterable[str] = tuple(_STATUSES)
) -> dict[str, Any]:
    def content(schema: _Schema) -> dict[str, Any]:
        return {"application/json": {"schema": schema}}

    error = content({"$ref": "#/components/schemas/Error"})
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {"200": {"description": "The answer.", "content": content(schema)}} | {
        status: {"description": _STATUSES[status], "content": error}
        for status in statuses
    }


def _requests(name: str, signature: signature_pb2.SignatureDef) -> Iterable[_Schema]:
    """Bodies that ask for a signature: by columns, and by rows where it has rows."""
    infos = signature.inputs
    required = [] if name == DEFAULT_SIGNATURE else ["signature_name"]
    key = {"signature_name": {"const": name}}
    forms: dict[str, _Schema] = {INPUTS: _named(infos, 0, signature)}
    if _has_rows(infos):
        rows = _named(infos, 1, signature)
        forms[INSTANCES] = {"type": "array", "items": rows, "minItems": 1}
    for form, schema in forms.items():
        body = _object(key | {form: schema}, [*required, form])
        yield {"title": f"{name}, {form}"} | body


def _answers(infos: _Infos) -> Iterable[_Schema]:
    yield _object({"outputs": _values(infos, 0)})
    if _has_rows(infos):
        rows = {"type": "array", "items": _values(infos, 1)}
        yield _object({"predictions": rows})


def _has_rows(infos: _Infos) -> bool:
    return all(shape_of(info.tensor_shape) != () for info in infos.values())


def _named(infos: _Infos, outer: int, signature: signature_pb2.SignatureDef) -> _Schema:
    """Inputs by name, without so many of the outer dimensions."""
    found = {name: _tensor(info, outer) for name, info in sorted(infos.items())}
    for name, proto in signature.defaults.items():
        value = _json(decode(proto))
        if not outer:
            found[name]["default"] = value
        elif isinstance(value, list) and value:
            found[name]["default"] = value[0]
    return _object(found) | {"additionalProperties": True}


def _values(infos: _Infos, outer: int) -> _Schema:
    """Outputs by name; of one output that alone."""
    found = {
        name: _tensor(info, outer, name.endswith("_bytes"))
        for name, info in sorted(infos.items())
    }
    return next(iter(found.values())) if len(found) == 1 else _object(found)


def _object(properties: dict[str, Any], required: list[str] | None = None) -> _Schema:
    names = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": names}


def _tensor(
    info: signature_pb2.TensorInfo, outer: int, encoded: bool | None = None
) -> _Schema:
    """A tensor as nested lists, without so many of its outer dimensions.

    Args:
        info: Its dtype and shape.
        outer: How many dimensions are left out.
        encoded: Whether strings are base64, or None where they may be.
    """
    shape = shape_of(info.tensor_shape)
    if shape is None:
        return {"description": f"{_kind(info.dtype)} of any shape"}
    schema = _scalar(info.dtype, encoded)
    for size in reversed(shape[outer:]):
        schema = {"type": "array", "items": schema}
        if size is not None:
            schema |= {"minItems": size, "maxItems": size}
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return schema | {"description": f"{_kind(info.dtype)} [{sizes}]"}


def _kind(dtype: int) -> str:
    return dtype_name(dtype).removeprefix("DT_").lower()


def _size(info: signature_pb2.TensorInfo) -> int:
    """How many numbers a tensor has at least."""
    return math.prod(size or 1 for size in shape_of(info.tensor_shape) or ())


def _scalar(dtype: int, encoded: bool | None) -> _Schema:
    if dtype == tensor_pb2.DT_STRING:
        if encoded is None:
            return {"anyOf": [_STRING, _BASE64]}
        return _BASE64 if encoded else _STRING
    if dtype == tensor_pb2.DT_BOOL:
        return {"type": "boolean"}
    if dtype in RANGES:
        low, high = RANGES[dtype]
        return {"type": "integer", "minimum": low, "maximum": high}
    return {"type": "number"}


def _example(name: str, signature: signature_pb2.SignatureDef) -> dict[str, Any]:
    """A request that the signature answers: one row, defaults where there are any."""
    values = {
        alias: _json(decode(signature.defaults[alias]))
        if alias in signature.defaults
        else _nested(info, shape_of(info.tensor_shape) or (), alias)
        for alias, info in sorted(signature.inputs.items())
    }
    return {"signature_name": name, INPUTS: values}


def _nested(
    info: signature_pb2.TensorInfo, shape: tuple[int | None, ...], alias: str
) -> Any:
    if shape:
        return [_nested(info, shape[1:], alias) for _ in range(shape[0] or 1)]
    if info.dtype == tensor_pb2.DT_STRING:
        return _EXAMPLES.get(alias, "hello")
    return False if info.dtype == tensor_pb2.DT_BOOL else 0


def _json(value: Any) -> Any:
    """An array as nested lists of what JSON knows."""
    if value.dtype.kind == "f":  # In as few digits as say the same.
        return value.astype(str).astype(float).tolist()
    if not value.dtype.hasobject:
        return value.tolist()
    texts = [item.decode("utf-8", "replace") for item in value.ravel()]
    return texts if value.ndim else texts[0]
