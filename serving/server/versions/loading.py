"""Loading of a version: its folder made a servable."""

from __future__ import annotations

import functools
import logging
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from serving.messages import session_pb2
from serving.messages.prediction_log_pb2 import PredictionLog
from serving.server.batching import BatchingRunner, Scheduler
from serving.server.observability.events import Listener, Loaded, WarmedUp, ignore
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.compiled import with_compiled
from serving.server.versions.later import Later
from serving.server.versions.servable import Runner, Servable
from serving.server.versions.warmup import (
    ONCE_SERVED,
    REQUESTS,
    logs,
    replay,
    warm_up,
)

_LOG = logging.getLogger(__name__)

# Whether anybody will ask for what a request warms up is not known: a first answer
# without it takes half a second.
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class SavedModelLoader:
    """Loads SavedModels, and warms them up.

    Attributes:
        tags: Tags of the graph to load.
        session: Threads and GPU memory of the sessions.
        warmup_iterations: How often each warm-up request is answered; 0 never.
        scheduler: Merges requests; None computes each on its own.
        tell: Is told how loads and warm-ups went.
        later: Does what need not be done before a version is served.
    """

    tags: tuple[str, ...] = ("serve",)
    session: session_pb2.ConfigProto = field(default_factory=session_pb2.ConfigProto)
    warmup_iterations: int = 1
    scheduler: Scheduler | None = None
    tell: Listener = ignore
    later: Later = field(default_factory=Later)

    def __call__(self, name: str, version: int, path: Path) -> Servable:
        """Loads one version, and has it answer its warm-up requests."""
        session = self._session(path)
        runner = with_compiled(session, f"model {name}: version {version}", self.later)
        of_runner = functools.partial(Servable, name, version, session.signatures)
        # Who waits does not keep a version that has been unloaded.
        alone = weakref.ref(runner)
        if self.scheduler is not None:
            runner = BatchingRunner(runner, self.scheduler)
        servable = of_runner(runner)
        if self.warmup_iterations:
            if (path / REQUESTS).exists():
                self._warm_up(servable, path)
            self._put_off(of_runner, alone, logs(path / ONCE_SERVED))
        return servable

    def _put_off(
        self,
        of_runner: Callable[[Runner], Servable],
        alone: weakref.ref[Runner],
        waiting: Iterator[PredictionLog],
    ) -> None:
        """Has the next request answered, outside of the threads that compute batches.

        Then the one after it waits for its turn, so that each makes room for others.
        """

        def warm_up_one() -> None:
            if (runner := alone()) is None:
                return
            servable = of_runner(runner)
            try:
                if (log := next(waiting, None)) is not None:
                    replay(servable, log, self.warmup_iterations)
                    self._put_off(of_runner, alone, waiting)
            except Refusal as refusal:
                said = (
                    "model %s: version %d is served, but a warm-up request failed: %s"
                )
                _LOG.error(said, servable.name, servable.version, refusal)

        self.later.put(warm_up_one, _PATIENCE_SECONDS)

    def _session(self, path: Path) -> SavedModelSession:
        start, worked = time.perf_counter(), False
        try:
            session = SavedModelSession(path, self.tags, self.session)
            worked = True
            return session
        finally:
            self.tell(Loaded(path, time.perf_counter() - start, worked))

    def _warm_up(self, servable: Servable, path: Path) -> None:
        start, status = time.perf_counter(), "INTERNAL"
        try:
            warm_up(servable, path, self.warmup_iterations)
            status = "OK"
        except Refusal as refusal:
            status = refusal.code.name
            raise
        finally:
            self.tell(WarmedUp(path, time.perf_counter() - start, status))
