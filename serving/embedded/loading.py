"""From a version's folder to something that can be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from serving.embedded.batching import BatchingRunner, Scheduler
from serving.embedded.servable import Runner, Servable
from serving.embedded.session import SavedModelSession
from serving.embedded.warmup import warm_up
from serving.messages import session_pb2


@dataclass(frozen=True)
class SavedModelLoader:
    """Loads SavedModels, and warms them up.

    Attributes:
        tags: Tags of the graph to load.
        session: Threads and GPU memory of the sessions.
        warmup_iterations: How often each warm-up request is answered; 0 never.
        scheduler: Merges requests; None computes each on its own.
    """

    tags: tuple[str, ...] = ("serve",)
    session: session_pb2.ConfigProto = field(default_factory=session_pb2.ConfigProto)
    warmup_iterations: int = 1
    scheduler: Scheduler | None = None

    def __call__(self, name: str, version: int, path: Path) -> Servable:
        """Loads one version.

        Raises:
            Refusal: It does not load, or does not answer its warm-up requests.
        """
        session = SavedModelSession(path, self.tags, self.session)
        runner: Runner = session
        if self.scheduler is not None:
            runner = BatchingRunner(session, self.scheduler)
        servable = Servable(name, version, session.signatures, runner)
        if self.warmup_iterations:
            warm_up(servable, path, self.warmup_iterations)
        return servable
