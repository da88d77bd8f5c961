"""Stopwatch of graphs: how long they take, apart from all else that a call costs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence

import numpy as np

from serving.messages import model_pb2
from serving.server.versions.servable import Finder, Runner, Servable


class Stopwatch:
    """Finds what another finder finds, and takes the seconds of its graph.

    For one call; with batching the time in the queue counts, as in TF Serving.
    """

    def __init__(self, finder: Finder):
        self._finder = finder
        self._runner: Runner
        self.seconds = 0.0

    def find(self, spec: model_pb2.ModelSpec) -> Servable:
        """The servable that a request means; raises Refusal."""
        servable = self._finder.find(spec)
        self._runner = servable.runner
        return dataclasses.replace(servable, runner=self)

    def run(
        self,
        feeds: Mapping[str, np.ndarray],
        fetches: Sequence[str],
        timeout_ms: int = 0,
    ) -> list[np.ndarray]:
        """See :meth:`SavedModelSession.run`."""
        start = time.perf_counter()
        try:
            return self._runner.run(feeds, fetches, timeout_ms)
        finally:
            self.seconds += time.perf_counter() - start
