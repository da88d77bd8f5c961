"""Loading of a version: its folder made a servable."""

from __future__ import annotations

import logging
import time
import weakref
from dataclasses import dataclass, field
from pathlib import Path

from serving.messages import session_pb2
from serving.server.batching import BatchingRunner, Scheduler
from serving.server.observability.events import Listener, Loaded, WarmedUp, ignore
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.compiled import with_compiled
from serving.server.versions.later import Later
from serving.server.versions.servable import Servable
from serving.server.versions.warmup import ONCE_SERVED, REQUESTS, warm_up

_LOG = logging.getLogger(__name__)


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
        if self.scheduler is not None:
            runner = BatchingRunner(runner, self.scheduler)
        servable = Servable(name, version, session.signatures, runner)
        if self.warmup_iterations:
            if (path / REQUESTS).exists():
                self._warm_up(servable, path)
            # Who waits does not keep a version that has been unloaded.
            loaded = weakref.ref(servable)
            self.later.put(lambda: self._warm_up_later(loaded(), path))
        return servable

    def _warm_up_later(self, servable: Servable | None, path: Path) -> None:
        if servable is None:
            return
        try:
            warm_up(servable, path, self.warmup_iterations, ONCE_SERVED)
        except Refusal as refusal:
            said = "model %s: version %d is served, but a warm-up request failed: %s"
            _LOG.error(said, servable.name, servable.version, refusal)

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
