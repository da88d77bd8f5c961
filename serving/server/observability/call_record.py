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
    """A call by its messages; ``response`` is None if there is none."""
    asked = _spec(request)
    answered = None if response is None else _spec(response)
    version = None
    signature = asked.signature_name if asked is not None else ""
    if answered is not None:
        signature = answered.signature_name or signature
        if answered.HasField("version"):
            version = answered.version.value
    return CallRecord(
        method=method,
        entrypoint=entrypoint,
        model="" if asked is None else asked.name,
        code=code,
        seconds=seconds,
        version=version,
        signature=signature,
        rows=_rows(request),
        graph_seconds=graph_seconds,
    )


def _spec(message: Any) -> Any:
    """The ModelSpec of any of the messages; MultiInference keeps it in its items."""
    for field in ("tasks", "results"):
        items = getattr(message, field, None)
        if items:
            return items[0].model_spec
    return getattr(message, "model_spec", None)


def _rows(request: Any) -> int | None:
    inputs = getattr(request, "inputs", None)
    if inputs:
        shape = inputs[min(inputs)].tensor_shape.dim
        return shape[0].size if shape else None
    given = getattr(request, "input", None)
    if given is None or (kind := given.WhichOneof("kind")) is None:
        return None
    return len(getattr(given, kind).examples)
