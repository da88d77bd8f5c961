"""Published schemas: those of Kubernetes, and the types of KServe's own client.

Both come from packages that ``make test-deploy`` installs: ``kubernetes-validate``, and
``kserve`` without what it needs to run, since only its sources are read here.
"""

from __future__ import annotations

import ast
import functools
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

# The oldest version that Kubernetes 1.30 and later have in common, and the newest here.
KUBERNETES = ("1.30", "1.37")


def check_kubernetes(document: dict[str, Any], version: str) -> None:
    """Fails unless a manifest has the form that Kubernetes wants, and nothing else."""
    import kubernetes_validate

    kubernetes_validate.validate(document, version, strict=True)


class _Type(NamedTuple):
    fields: dict[str, str]
    required: set[str]


def check_kserve(value: Any, kind: str, place: str = "") -> None:
    """Fails unless a value is of a type of KServe's, and has no other fields.

    Args:
        value: Of a manifest.
        kind: As KServe's client writes types: ``str``, ``list[V1Container]``, ...
        place: Where in the manifest, for messages.
    """
    if found := re.fullmatch(r"list\[(.*)\]", kind):
        assert isinstance(value, list), place
        for index, item in enumerate(value):
            check_kserve(item, found[1], f"{place}[{index}]")
    elif found := re.fullmatch(r"dict\(str, (.*)\)", kind):
        assert isinstance(value, dict), place
        for name, item in value.items():
            check_kserve(item, found[1], f"{place}.{name}")
    elif kind in _SIMPLE:
        assert isinstance(value, _SIMPLE[kind]), f"{place}: {value!r} is no {kind}"
    elif kind == "V1ObjectMeta":
        assert set(value) <= {"name", "labels", "annotations"}, place
    elif kind in _kserve():
        fields, required = _kserve()[kind]
        assert set(value) <= set(fields), f"{place}: {set(value) - set(fields)}"
        assert required <= set(value), f"{place}: {required - set(value)} is missing"
        for name, item in value.items():
            check_kserve(item, fields[name], f"{place}.{name}")
    else:
        _check_part(value, kind)


_SIMPLE = {
    "bool": bool,
    "float": (int, float),
    "int": int,
    "object": object,
    "ResourceQuantity": (int, str),
    "str": str,
}


def _check_part(value: Any, kind: str) -> None:
    """A part of Kubernetes' own types, inside a manifest that may hold it."""
    assert kind in ("V1Container", "V1ContainerPort", "V1Volume"), kind
    spec: dict[str, list[dict[str, Any]]] = {"containers": [{"name": "x"}]}
    if kind == "V1ContainerPort":
        spec["containers"][0]["ports"] = [value]
    else:
        spec["containers" if kind == "V1Container" else "volumes"] = [value]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
    for version in KUBERNETES:
        check_kubernetes(pod, version)


@functools.cache
def _kserve() -> dict[str, _Type]:
    """KServe's types by name, read from the sources of its client."""
    folder = Path(os.environ["KSERVE"]) / "kserve" / "models"
    types = {}
    for file in folder.glob("v1*.py"):
        text = file.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                types[node.name] = _type(node, text)
    assert {"V1alpha1ServingRuntime", "V1beta1InferenceService"} <= set(types)
    return types


def _type(node: ast.ClassDef, text: str) -> _Type:
    tables = {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in node.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict)
    }
    names = tables["attribute_map"]
    required = re.findall(r"for `(\w+)`, must not be `None`", text)
    kinds = tables["openapi_types"]
    return _Type(
        {written: kinds[name] for name, written in names.items()},
        {names[name] for name in required},
    )
