"""Servable: one loaded version of a model, as requests know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from serving.messages import model_pb2, signature_pb2
from serving.server.runtime.session import Arrays, Feeds

__all__ = ["Arrays", "Feeds", "Find", "Runner", "Servable"]


class Runner(Protocol):
    """Computes tensors from tensors; a session, or something that wraps one."""

    def run(self, feeds: Feeds, fetches: Sequence[str], timeout_ms: int = 0) -> Arrays:
        """Values of the tensors named ``fetches``; see ``SavedModelSession.run``."""


@dataclass(frozen=True)
class Servable:
    """A version of a model that can be asked."""

    name: str
    version: int
    signatures: Mapping[str, signature_pb2.SignatureDef]
    runner: Runner


#: Gives the servable that a request means, or raises Refusal.
Find = Callable[[model_pb2.ModelSpec], Servable]
