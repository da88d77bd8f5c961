"""Registry of versions: loaded, loading or failed, and under which labels."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from serving.messages import error_codes_pb2, model_pb2, status_pb2
from serving.server.config.model_config import ModelConfig
from serving.server.refusal import Refusal, invalid, not_found, precondition
from serving.server.versions.servable import Servable
from serving.server.versions.version_folders import Fingerprint

State = status_pb2.ModelVersionStatus


@dataclass(frozen=True)
class Version:
    """One line of GetModelStatus, and what is behind it.

    Attributes:
        state: Where it is in its life.
        servable: What can be asked, if it is available.
        failure: Why it could not be loaded.
        failed_files: What it was loaded from when that failed.
        attempts: Failed loads from these files.
        retry_at: Time of ``time.monotonic`` from which to try again unasked.
    """

    state: State.State
    servable: Servable | None = None
    failure: Refusal | None = None
    failed_files: Fingerprint = frozenset()
    attempts: int = 0
    retry_at: float = math.inf


class VersionRegistry:
    """All versions of all models that were ever seen; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, dict[int, Version]] = {}
        self._labels: Mapping[str, Mapping[str, int]] = {}

    def find(self, spec: model_pb2.ModelSpec) -> Servable:
        """The servable that a request means, or TF Serving's Refusal."""
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        with self._lock:
            known = self._versions.get(spec.name, {})
            if choice == "version_label":
                wanted = self._labels.get(spec.name, {}).get(spec.version_label)
                if wanted is None:
                    raise invalid(
                        f"Unrecognized servable version label: {spec.version_label}"
                    )
            elif choice == "version":
                wanted = spec.version.value
            else:
                loaded = (n for n, v in known.items() if v.servable is not None)
                wanted = max(loaded, default=None)
            found = known.get(wanted) if wanted is not None else None
            if found is not None and found.servable is not None:
                return found.servable
        asked = f"Latest({spec.name})"
        if choice is not None:
            asked = f"Specific({spec.name}, {wanted})"
        raise not_found(f"Servable not found for request: {asked}")

    def status(self, spec: model_pb2.ModelSpec) -> list[State]:
        """State of one version or of all; labels are ignored, as in TF Serving."""
        known, missing = self.versions(spec.name), "any versions"
        if spec.WhichOneof("version_choice") == "version":
            wanted = spec.version.value
            known = {n: version for n, version in known.items() if n == wanted}
            missing = f"version {wanted}"
        if not known:
            raise not_found(f"Could not find {missing} of model {spec.name}")
        return [_message(n, known[n]) for n in sorted(known, reverse=True)]

    def versions(self, name: str) -> dict[int, Version]:
        """The versions of a model, by number."""
        with self._lock:
            return dict(self._versions.get(name, {}))

    def available(self, name: str) -> dict[int, Servable]:
        """What can be asked of a model, by version."""
        return {
            number: version.servable
            for number, version in self.versions(name).items()
            if version.servable is not None
        }

    def check_labels(
        self, entries: Iterable[ModelConfig], allow_unavailable: bool
    ) -> dict[str, dict[str, int]]:
        """The labels of models, by name; a Refusal if one may not be assigned.

        With ``allow_unavailable`` one that is not used yet may name a version that is
        not available.
        """
        found = {entry.name: dict(entry.labels) for entry in entries}
        for name, labels in found.items():
            available = self.available(name)
            for label, number in labels.items():
                used = self._labels.get(name, {}).get(label, number)
                if number not in available and not (
                    allow_unavailable and used == number
                ):
                    raise precondition(
                        f"Request to assign label to version {number} of model {name}, "
                        "which is not currently available for inference"
                    )
        return found

    def label(self, labels: Mapping[str, Mapping[str, int]]) -> None:
        """Replaces all labels."""
        self._labels = labels

    def put(
        self,
        name: str,
        number: int,
        version: Version,
        still: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Notes what became of a version if this ``still`` matters; whether it did."""
        with self._lock:
            if not still():
                return False
            self._versions.setdefault(name, {})[number] = version
            return True

    def unload(self, name: str, keep: Collection[int] = ()) -> list[int]:
        """Unloads what is available, except ``keep``; returns what was unloaded.

        Calls in flight keep their servable until they end.
        """
        with self._lock:
            known = self._versions.get(name, {})
            gone = []
            for number in sorted(set(known) - set(keep)):
                version = known[number]
                if version.servable is not None:
                    known[number] = Version(State.END)
                    gone.append(number)
                elif version.retry_at < math.inf:
                    ended = replace(version, state=State.END, retry_at=math.inf)
                    known[number] = ended
            return gone


def _message(number: int, version: Version) -> State:
    message = State(version=number, state=version.state)
    if version.failure is None or version.state != State.END:
        message.status.error_code = error_codes_pb2.OK
    else:
        message.status.error_code = version.failure.code.value[0]
        message.status.error_message = version.failure.message
    return message
