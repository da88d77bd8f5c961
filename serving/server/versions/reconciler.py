"""One model: its versions in a folder, brought up and let go."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

from serving.server.config.model_config import ModelConfig
from serving.server.refusal import Refusal
from serving.server.versions.servable import Servable
from serving.server.versions.version_folders import Fingerprint, fingerprint, folders
from serving.server.versions.version_registry import Registry, State, Version

_LOG = logging.getLogger(__name__)

#: How a failed load is logged: model, version, reason.
NOT_LOADED = "model %s: version %d does not load: %s"

#: Makes a servable from a name, a version and its folder; raises Refusal.
Loader = Callable[[str, int, Path], Servable]


@dataclass(frozen=True)
class LoadPolicy:
    """How loads are run.

    Attributes:
        threads: Loads at once; 0 is four per processor at the start, one afterwards.
        retries: Further attempts after a failed load whose files stay as they are.
        retry_seconds: Time between them.
        labels_for_unavailable: Whether an unused label may name a version that is
            not available.
    """

    threads: int = 0
    retries: int = 0
    retry_seconds: float = 60.0
    labels_for_unavailable: bool = False

    def __post_init__(self) -> None:
        for name in ("threads", "retries", "retry_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"{name}: expected 0 or more, received {getattr(self, name)}"
                )


class Aligner:
    """Brings what is loaded of a model into line with its folder.

    Args:
        registry: Where results are noted.
        load: Makes servables.
        policy: How often to try.
        is_wanted: Whether a configuration is still in force; a load that ends when
            it is not has no effect.
    """

    def __init__(
        self,
        registry: Registry,
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

    def align(self, entry: ModelConfig, silently: bool = False) -> None:
        """Loads what is missing, then lets go of what is not wanted.

        Nothing is let go before something that is wanted can be asked.

        Args:
            entry: The model.
            silently: Whether to leave the log to the caller, who looks at the
                registry; attempts that will be repeated are logged all the same.
        """
        name = entry.name
        with self._locks[name]:
            try:
                found = folders(entry.base_path)
            except OSError as error:
                self._warn(name, f"cannot look for versions: {error}")
                return
            self._warn_of_doubles(name, found)
            present = {number: places[-1] for number, places in found.items()}
            chosen = entry.policy.choose(present)
            if present and not chosen:
                self._warn(
                    name,
                    "none of the versions that its policy names is in "
                    f"{entry.base_path}",
                )
                return
            self._warned.pop((name, "versions"), None)
            for number, path in chosen.items():
                if self._is_wanted(entry) and self._is_due(name, number, path):
                    self._bring_up(entry, number, path, silently)
            if self._is_wanted(entry) and (
                not chosen or set(chosen) & set(self._registry.available(name))
            ):
                self.retire(name, keep=chosen)

    def retire(self, name: str, keep: Iterable[int] = ()) -> None:
        """Lets go of the versions of a model, except ``keep``."""
        for number in self._registry.retire(name, set(keep)):
            _LOG.info("model %s: version %d is unloaded", name, number)

    def _warn_of_doubles(self, name: str, found: Mapping[int, list[Path]]) -> None:
        lines = [
            f"version {number} is loaded from {places[-1]}; ignored, for it has the "
            f"same number: {', '.join(map(str, places[:-1]))}"
            for number, places in sorted(found.items())
            if len(places) > 1
        ]
        if lines:
            self._warn(name, "; ".join(lines), "doubles")
        else:
            self._warned.pop((name, "doubles"), None)

    def _warn(self, name: str, text: str, about: str = "versions") -> None:
        if self._warned.get((name, about)) != text:
            self._warned[name, about] = text
            _LOG.warning("model %s: %s", name, text)

    def _is_due(self, name: str, number: int, path: Path) -> bool:
        known = self._registry.versions(name).get(number)
        if known is None or known.failure is None:
            return known is None or known.servable is None
        if known.failed_files != fingerprint(path):
            return True
        return time.monotonic() >= known.retry_at

    def _bring_up(
        self, entry: ModelConfig, number: int, path: Path, silently: bool
    ) -> None:
        name = entry.name
        files = fingerprint(path)
        before = self._registry.versions(name).get(number)
        self._registry.put(name, number, Version(State.LOADING))
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
            failed = self._failed(failure, files, attempts)
            self._registry.put(name, number, failed)
            if failed.retry_at < math.inf or not silently:
                _LOG.error(NOT_LOADED, name, number, failure)
            return
        available = Version(State.AVAILABLE, servable)
        if not self._registry.put(
            name, number, available, lambda: self._is_wanted(entry)
        ):
            self._registry.put(name, number, Version(State.END))
        elif not silently:
            _LOG.info("model %s: version %d is served", name, number)

    def _failed(self, failure: Refusal, files: Fingerprint, attempts: int) -> Version:
        if attempts > self._policy.retries:
            return Version(State.END, None, failure, files, attempts)
        at = time.monotonic() + self._policy.retry_seconds
        return Version(State.LOADING, None, failure, files, attempts, at)
