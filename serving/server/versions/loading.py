"""Loading of a version: its folder made a servable."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from serving.messages import session_pb2
from serving.server.batching import BatchingRunner, Scheduler
from serving.server.observability.events import Listener, Loaded, WarmedUp, ignore
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.servable import Runner, Servable
from serving.server.versions.warmup import REQUESTS, warm_up


@dataclass(frozen=True)
class SavedModelLoader:
    """Loads SavedModels, and warms them up.

    Attributes:
        tags: Tags of the graph to load.
        session: Threads and GPU memory of the sessions.
        warmup_iterations: How often each warm-up request is answered; 0 never.
        scheduler: Merges requests; None computes each on its own.
        tell: Is told how loads and warm-ups went.
    """

    tags: tuple[str, ...] = ("serve",)
    session: session_pb2.ConfigProto = field(default_factory=session_pb2.ConfigProto)
    warmup_iterations: int = 1
    scheduler: Scheduler | None = None
    tell: Listener = ignore

    def __call__(self, name: str, version: int, path: Path) -> Servable:
        """Loads one version, and has it answer its warm-up requests."""
        session = self._session(path)
        runner: Runner = session
        if self.scheduler is not None:
            runner = BatchingRunner(session, self.scheduler)
        servable = Servable(name, version, session.signatures, runner)
        if self.warmup_iterations and (path / REQUESTS).exists():
            self._warm_up(servable, path)
        return servable

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
