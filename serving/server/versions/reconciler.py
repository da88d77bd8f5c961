"""Reconciler of one model: loads what its folder has, unloads what it has not."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import grpc

from serving.server.config.model_config import ModelConfig
from serving.server.options import LoadPolicy
from serving.server.refusal import Refusal
from serving.server.versions.servable import Servable
from serving.server.versions.version_folders import fingerprint, folders
from serving.server.versions.version_registry import State, Version, VersionRegistry

_LOG = logging.getLogger(__name__)

#: How a failed load is logged: model, version, reason.
NOT_LOADED = "model %s: version %d does not load: %s"

#: Makes a servable from a name, a version and its folder; raises Refusal.
Loader = Callable[[str, int, Path], Servable]


class VersionReconciler:
    """Brings what is loaded of a model into line with its folder.

    A load that ends when its configuration ``is_wanted`` no more has no effect.
    """

    def __init__(
        self,
        registry: VersionRegistry,
        load: Loader,
        policy: LoadPolicy,
        is_wanted: Callable[[ModelConfig], bool],
    ):
        self._registry = registry
        self._load = load
        self._policy = policy
        self._is_wanted = is_wanted
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        # What was said last, so that a poll does not fill the log.
        self._warned: dict[tuple[str, str], str] = {}

    def reconcile(self, entry: ModelConfig, silently: bool = False) -> None:
        """Loads what is missing, then unloads what is not wanted.

        Nothing is unloaded before something that is wanted can be asked. ``silently``
        leaves the log to the caller; attempts that will be repeated are logged all the
        same.
        """
        name = entry.name
        with self._locks[name]:
            try:
                found = folders(entry.base_path)
            except OSError as error:
                self._warn(name, "versions", f"cannot look for versions: {error}")
                return
            doubles = (
                f"version {number} is loaded from {paths[-1]}; ignored, for it has the "
                f"same number: {', '.join(map(str, paths[:-1]))}"
                for number, paths in sorted(found.items())
                if len(paths) > 1
            )
            self._warn(name, "doubles", "; ".join(doubles))
            chosen = entry.policy.choose(found)
            if found and not chosen:
                said = "none of the versions that its policy names is in"
                self._warn(name, "versions", f"{said} {entry.base_path}")
                return
            self._warn(name, "versions", "")
            for number in chosen:
                path = found[number][-1]
                if self._is_wanted(entry) and self._is_due(name, number, path):
                    self._load_version(entry, number, path, silently)
            available = self._registry.available(name)
            if self._is_wanted(entry) and (not chosen or set(chosen) & set(available)):
                self.unload(name, keep=chosen)

    def unload(self, name: str, keep: Iterable[int] = ()) -> None:
        """Unloads the versions of a model, except ``keep``."""
        for number in self._registry.unload(name, set(keep)):
            _LOG.info("model %s: version %d is unloaded", name, number)

    def _warn(self, name: str, about: str, text: str) -> None:
        """Logs what is new; an empty text says that there is nothing any more."""
        if text and self._warned.get((name, about)) != text:
            _LOG.warning("model %s: %s", name, text)
        self._warned[name, about] = text

    def _is_due(self, name: str, number: int, path: Path) -> bool:
        known = self._registry.versions(name).get(number)
        if known is None or known.failure is None:
            return known is None or known.servable is None
        if known.failed_files != fingerprint(path):
            return True
        return time.monotonic() >= known.retry_at

    def _load_version(
        self, entry: ModelConfig, number: int, path: Path, silently: bool
    ) -> None:
        name, registry = entry.name, self._registry
        files = fingerprint(path)
        before = registry.versions(name).get(number)
        registry.put(name, number, Version(State.LOADING))
        try:
            servable = self._load(name, number, path)
        except Exception as error:
            if isinstance(error, Refusal):
                failure = error
            elif isinstance(error, OSError):  # the folder's fault, not the program's
                failure = Refusal(grpc.StatusCode.UNKNOWN, str(error))
            else:
                _LOG.exception("model %s: version %d does not load", name, number)
                failure = Refusal(grpc.StatusCode.INTERNAL, repr(error))
            attempts = 1
            if before is not None and before.failed_files == files:
                attempts += before.attempts
            failed = Version(State.END, None, failure, files, attempts)
            if attempts <= self._policy.retries:
                at = time.monotonic() + self._policy.retry_seconds
                failed = replace(failed, state=State.LOADING, retry_at=at)
            registry.put(name, number, failed)
            if failed.retry_at < math.inf or not silently:
                _LOG.error(NOT_LOADED, name, number, failure)
            return
        available = Version(State.AVAILABLE, servable)
        if not registry.put(name, number, available, lambda: self._is_wanted(entry)):
            registry.put(name, number, Version(State.END))
        elif not silently:
            _LOG.info("model %s: version %d is served", name, number)
