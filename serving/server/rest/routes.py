"""Routes: which model a path means, and what is wanted of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from serving.messages import model_pb2
from serving.server.refusal import invalid

# TF Serving's expressions; [0-9] because \d means more in Python.
_CHOICE = r"(?:(?:/versions/([0-9]+))|(?:/labels/([^/:]+)))?"
_PREDICTION = re.compile(
    rf"/v1/models/([^/:]+){_CHOICE}:(classify|regress|predict)", re.IGNORECASE
)
_STATUS = re.compile(
    rf"/v1/models(?:/([^/:]+))?{_CHOICE}(?:/(metadata))?", re.IGNORECASE
)

_INT64_MAX = (1 << 63) - 1


@dataclass(frozen=True)
class Target:
    """What a request is about: ``predict`` (or another verb) of a model."""

    verb: str
    spec: model_pb2.ModelSpec


def parse(method: str, path: str) -> Target:
    """Reads the request line, percent-encoding undone.

    >>> target = parse("POST", "/v1/models/m/versions/2:predict")
    >>> target.verb, target.spec.name, target.spec.version.value
    ('predict', 'm', 2)
    """
    pattern = {"POST": _PREDICTION, "GET": _STATUS}.get(method)
    found = pattern.fullmatch(path) if pattern else None
    if found is None:
        raise invalid(f"Malformed request: {method} {path}")
    name, version, label, verb = found.groups()
    if name is None:
        raise invalid("Missing model name in request.")
    spec = model_pb2.ModelSpec(name=unquote(name))
    if version is not None:
        # Leading zeros are as many as somebody likes, but int() has a limit.
        digits = version.lstrip("0") or "0"
        if len(digits) > 19 or int(digits) > _INT64_MAX:
            raise invalid(f"Failed to convert version: {version} to numeric.")
        spec.version.value = int(digits)
    elif label is not None:
        spec.version_label = unquote(label)
    return Target((verb or "status").lower(), spec)
