"""Record of a call that has ended: who asked what, how it went; never its content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass(frozen=True)
class CallRecord:
    """One call that has ended.

    Attributes:
        method: ``Predict``, ``Classify``, ``Regress``, ``MultiInference``,
            ``GetModelMetadata`` or ``GetModelStatus``.
        entrypoint: ``GRPC`` or ``REST``.
        model: Name as asked for, served or not.
        code: How it ended.
        seconds: How long it took in here, without waiting for a thread.
        version: Which version answered, if one did.
        signature: Which signature answered or was asked for.
        rows: Batch size, if the request had one.
        graph_seconds: How much of ``seconds`` graphs took.
    """

    method: str
    entrypoint: str
    model: str
    code: grpc.StatusCode
    seconds: float
    version: int | None = None
    signature: str = ""
    rows: int | None = None
    graph_seconds: float = 0.0


#: Methods that compute something.
PREDICTIONS = ("Predict", "Classify", "Regress", "MultiInference")

#: Is told of every call; must not raise, nor take long.
Observer = Callable[[CallRecord], None]


def describe(
    method: str,
    entrypoint: str,
    request: Any,
    response: Any,
    code: grpc.StatusCode,
    seconds: float,
    graph_seconds: float = 0.0,
) -> CallRecord:
    """The record of a call by its messages; ``response`` is None if there is none."""
    asked, answered = _spec(request), _spec(response)
    has_version = answered is not None and answered.HasField("version")
    return CallRecord(
        method=method,
        entrypoint=entrypoint,
        model=getattr(asked, "name", ""),
        code=code,
        seconds=seconds,
        version=answered.version.value if has_version else None,
        signature=getattr(answered, "signature_name", "")
        or getattr(asked, "signature_name", ""),
        rows=_rows(request),
        graph_seconds=graph_seconds,
    )


def _spec(message: Any) -> Any:
    """The ModelSpec of any of the messages; MultiInference keeps it in its items."""
    items = getattr(message, "tasks", None) or getattr(message, "results", None)
    return getattr(items[0] if items else message, "model_spec", None)


def _rows(request: Any) -> int | None:
    inputs = getattr(request, "inputs", None)
    if inputs:
        shape = inputs[min(inputs)].tensor_shape.dim
        return shape[0].size if shape else None
    given = getattr(request, "input", None)
    if given is None or (kind := given.WhichOneof("kind")) is None:
        return None
    return len(getattr(given, kind).examples)
