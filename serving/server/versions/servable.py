"""Servable: one loaded version of a model, as requests know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from serving.messages import model_pb2, signature_pb2


class Runner(Protocol):
    """Computes tensors from tensors; a session, or something that wraps one."""

    def run(
        self,
        feeds: Mapping[str, np.ndarray],
        fetches: Sequence[str],
        timeout_ms: int = 0,
    ) -> list[np.ndarray]:
        """Values of the tensors named ``fetches``; see ``SavedModelSession.run``."""


@dataclass(frozen=True)
class Servable:
    """A version of a model that can be asked."""

    name: str
    version: int
    signatures: Mapping[str, signature_pb2.SignatureDef]
    runner: Runner


class Finder(Protocol):
    """Knows what can be asked; all models of a server, or one alone."""

    def find(self, spec: model_pb2.ModelSpec) -> Servable:
        """The servable that a request means; raises Refusal."""
