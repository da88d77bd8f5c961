"""Manager of models: which are served, from the start through every reload."""

from __future__ import annotations

import functools
import logging
import math
import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import grpc

from serving.errors import ModelLoadFailed
from serving.messages import config_pb2
from serving.server.config import model_config
from serving.server.config.model_config import Configuration, ModelConfig
from serving.server.options import LoadPolicy
from serving.server.refusal import Refusal
from serving.server.versions.reconciler import NOT_LOADED, Loader, VersionReconciler
from serving.server.versions.servable import Servable
from serving.server.versions.version_folders import check_base_path
from serving.server.versions.version_registry import VersionRegistry

_LOG = logging.getLogger(__name__)


class ModelManager:
    """All models of a server.

    Newer versions are loaded before older ones are unloaded; one that fails to load
    changes nothing but its own status. It is tried again once its files change, so a
    folder that was seen half copied is picked up when the copy is complete.
    """

    def __init__(
        self, config: Configuration, load: Loader, policy: LoadPolicy | None = None
    ):
        self._config = dict(config)
        # What loads are for: the same, and during a reload also what it adds.
        self._wanted = self._config
        self._policy = policy or LoadPolicy()
        self._registry = VersionRegistry()
        #: The servable, and the states of versions, that a request means.
        self.find, self.status = self._registry.find, self._registry.status
        self._reconciler = VersionReconciler(
            self._registry, load, self._policy, self._is_wanted
        )
        self._reloading = threading.Lock()
        self._checked_labels = functools.partial(
            self._registry.check_labels,
            allow_unavailable=self._policy.labels_for_unavailable,
        )
        self._jobs: dict[str, tuple[ModelConfig, Future[None]]] = {}
        self._executor = ThreadPoolExecutor(self._policy.threads or 1, "load")
        self._closing = threading.Event()

    def start(self) -> list[Servable]:
        """Loads every model; returns what can be asked now.

        Raises:
            ModelLoadFailed: A model has no version that can be loaded, or a label
                names a version that was not loaded.
        """
        for entry in self._config.values():
            check_base_path(entry.name, entry.base_path)
        threads = self._policy.threads or 4 * (os.cpu_count() or 1)
        with ThreadPoolExecutor(threads, "load") as executor:
            self._settle(self._config.values(), executor, silently=True)
        started: list[Servable] = []
        for entry in self._config.values():
            available = self._registry.available(entry.name)
            if not available:
                raise ModelLoadFailed(self._reason(entry))
            started.extend(servable for _, servable in sorted(available.items()))
            for number, failure in self._failures(entry):
                _LOG.error(NOT_LOADED, entry.name, number, failure)
        try:
            self._registry.label(self._checked_labels(self._config.values()))
        except Refusal as refusal:
            raise ModelLoadFailed(refusal.message) from refusal
        return started

    def refresh(self) -> None:
        """Looks at the folders and brings what is served into line with them."""
        for job in self._submit(self._config.values()):
            job.result()

    def poll(self) -> None:
        """Like :meth:`refresh`, but does not wait for loads."""
        self._submit(self._config.values())

    def reload(self, message: config_pb2.ModelServerConfig) -> None:
        """Serves other models from now on, or the same ones differently.

        Returns once models that are new can be asked. New versions of the others are
        looked for afterwards.

        Raises:
            Refusal: It is not accepted, or a new model cannot be loaded; what was
                served before still is.
        """
        with self._reloading:
            old = self._config
            new = model_config.of_message(message, old)
            added = [entry for name, entry in new.items() if name not in old]
            stayed = [entry for name, entry in new.items() if name in old]
            self._checked_labels(stayed)
            self._wanted = {**old, **{entry.name: entry for entry in added}}
            try:
                self._add(added)
                labels = self._checked_labels(new.values())
            except BaseException:
                self._wanted = old
                for entry in added:
                    self._reconciler.unload(entry.name)
                raise
            self._config = self._wanted = new
            self._registry.label(labels)
            for name in old:
                if name not in new:
                    self._reconciler.unload(name)
                    self._jobs.pop(name, None)
            self._submit(entry for entry in stayed if old[entry.name] is not entry)
        if new != old:
            _LOG.info("serving %d models: %s", len(new), ", ".join(new) or "none")

    def served(self) -> dict[str, bool]:
        """Every configured model, and whether one of its versions can be asked."""
        return {name: bool(self._registry.available(name)) for name in self._config}

    def answering(self) -> list[Servable]:
        """The version of each model that answers where none is named."""
        found = (self._registry.available(name) for name in self._config)
        return [available[max(available)] for available in found if available]

    def close(self) -> None:
        """Begins no further loads."""
        self._closing.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _add(self, added: list[ModelConfig]) -> None:
        self._settle(added, self._executor)
        failed = [entry for entry in added if not self._registry.available(entry.name)]
        reasons = []
        for entry in failed:
            reasons += [
                f"{{{{name: {entry.name} version: {n}}} due to error: {failure}}}, "
                for n, failure in self._failures(entry)
            ] or [f"{{{self._reason(entry)}}}, "]
        if failed:
            raise Refusal(
                grpc.StatusCode.UNKNOWN,
                f"{len(failed)} model(s) did not become available: "
                f"{{{''.join(reasons)}}}",
            )

    def _failures(self, entry: ModelConfig) -> list[tuple[int, Refusal]]:
        """Versions that could not be loaded, and why."""
        known = sorted(self._registry.versions(entry.name).items())
        return [(n, item.failure) for n, item in known if item.failure is not None]

    def _settle(
        self,
        entries: Iterable[ModelConfig],
        executor: ThreadPoolExecutor,
        silently: bool = False,
    ) -> None:
        """Reconciles until every model has a version or no attempt is left."""
        open_entries = list(entries)
        while open_entries and not self._closing.is_set():
            reconcile = self._reconciler.reconcile
            jobs = [executor.submit(reconcile, item, silently) for item in open_entries]
            for job in jobs:
                job.result()
            due = {entry.name: self._due(entry.name) for entry in open_entries}
            open_entries = [item for item in open_entries if due[item.name] < math.inf]
            if open_entries:
                soonest = min(due[entry.name] for entry in open_entries)
                self._closing.wait(max(0.0, soonest - time.monotonic()))

    def _due(self, name: str) -> float:
        """When to try again to get any version of a model."""
        known = self._registry.versions(name).values()
        if any(version.servable is not None for version in known):
            return math.inf
        return min((version.retry_at for version in known), default=math.inf)

    def _submit(self, entries: Iterable[ModelConfig]) -> list[Future[None]]:
        jobs = []
        for entry in entries:
            meant, job = self._jobs.get(entry.name, (None, None))
            if job is None or meant is not entry or job.done():
                job = self._executor.submit(self._reconcile_safely, entry)
                self._jobs[entry.name] = (entry, job)
            jobs.append(job)
        return jobs

    def _reconcile_safely(self, entry: ModelConfig) -> None:
        try:
            self._reconciler.reconcile(entry)
        except Exception:
            _LOG.exception("model %s: looking for versions failed", entry.name)

    def _is_wanted(self, entry: ModelConfig) -> bool:
        return self._wanted.get(entry.name) is entry and not self._closing.is_set()

    def _reason(self, entry: ModelConfig) -> str:
        """Why nothing of a model is available."""
        if failures := self._failures(entry):
            number, failure = failures[-1]
            text = (
                f"model {entry.name}: version {number} in {entry.base_path} cannot be "
                f"loaded: {failure}"
            )
            return text.replace("\n", " ")
        try:
            check_base_path(entry.name, entry.base_path)
        except ModelLoadFailed as error:
            return str(error)
        return (
            f"model {entry.name}: none of the versions that its policy names is in "
            f"{entry.base_path}"
        )
