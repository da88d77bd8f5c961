"""The manifests of ``deploy``, read."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"


def documents(folder: str) -> list[dict[str, Any]]:
    """What is applied from a folder."""
    found = []
    for file in sorted((DEPLOY / folder).glob("*.yaml")):
        if file.name != "kustomization.yaml":
            found += list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    return found


def by_kind(folder: str) -> dict[str, dict[str, Any]]:
    """The same by kind; of several of a kind, the first."""
    found: dict[str, dict[str, Any]] = {}
    for document in documents(folder):
        found.setdefault(document["kind"], document)
    return found


def kustomization(folder: str) -> dict[str, Any]:
    """What ``kubectl apply -k`` reads."""
    text = (DEPLOY / folder / "kustomization.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def on_gpus() -> list[dict[str, Any]]:
    """The manifests of ``kubernetes`` with what ``kubernetes-gpu`` changes.

    As kustomize does it, for what is used there: image tags, and JSON patches that add.
    """
    changes = kustomization("kubernetes-gpu")
    found = copy.deepcopy(documents("kubernetes"))
    (deployment,) = (item for item in found if item["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    for image in changes["images"]:
        assert container["image"].startswith(image["name"] + ":")
        container["image"] = f"{image['name']}:{image['newTag']}"
    for patch in changes["patches"]:
        assert patch["target"] == {"kind": "Deployment", "name": "pronounce"}
        for step in yaml.safe_load(patch["patch"]):
            assert step["op"] == "add"
            _add(deployment, step["path"], step["value"])
    return found


def _add(document: Any, path: str, value: Any) -> None:
    *way, last = (part.replace("~1", "/") for part in path.split("/")[1:])
    for part in way:
        document = document[int(part) if isinstance(document, list) else part]
    document[last] = value
