"""OpenAPI document of a server, made from the signatures that it serves."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from serving.server.rest.signature_schemas import (
    STRING,
    Schema,
    answers,
    examples,
    object_of,
    requests,
)
from serving.server.versions.servable import Servable

PATH = "/openapi.json"

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
        text = {"text/plain": {"schema": STRING}}
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
                    "properties": {"error": STRING},
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
            [form for item in signatures.items() for form in requests(*item)],
            examples(signatures),
        ),
        "responses": _responses(
            [form for value in signatures.values() for form in answers(value.outputs)]
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
            rows = {"type": "array", "items": {"type": "object"}, "minItems": 1}
            results = {"results": {"type": "array"}}
            found[f"{base}:{verb}"] = {
                "post": {
                    "operationId": f"{verb} {name}",
                    "summary": f"{verb.title()} examples by {name}",
                    "requestBody": _body(
                        [object_of(names | {"examples": rows}, ["examples"])], {}
                    ),
                    "responses": _responses([object_of(results)]),
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


def _body(schemas: list[Schema], examples: dict[str, Any]) -> dict[str, Any]:
    content = {"schema": {"anyOf": schemas}} | (
        {"examples": examples} if examples else {}
    )
    return {"required": True, "content": {"application/json": content}}


def _responses(
    schemas: list[Schema], statuses: Iterable[str] = tuple(_STATUSES)
) -> dict[str, Any]:
    def content(schema: Schema) -> dict[str, Any]:
        return {"application/json": {"schema": schema}}

    error = content({"$ref": "#/components/schemas/Error"})
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {"200": {"description": "The answer.", "content": content(schema)}} | {
        status: {"description": _STATUSES[status], "content": error}
        for status in statuses
    }
