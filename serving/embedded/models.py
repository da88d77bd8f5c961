"""Which models and versions are served, and how they come and go."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from serving.embedded.refusal import Refusal, invalid, not_found
from serving.embedded.servable import Servable
from serving.embedded.storage import Fingerprint, fingerprint, newest, versions
from serving.errors import ModelLoadFailed
from serving.messages import error_codes_pb2, model_pb2, status_pb2

_LOG = logging.getLogger(__name__)
_State = status_pb2.ModelVersionStatus

#: Makes a servable from a name, a version and its folder; raises Refusal.
Loader = Callable[[str, int, Path], Servable]


@dataclass(frozen=True)
class _Version:
    """One line of GetModelStatus, and what is behind it."""

    state: _State.State
    servable: Servable | None = None
    failure: Refusal | None = None
    failed_files: Fingerprint = frozenset()


class Models:
    """All models of a server, each in its newest version.

    A newer version is loaded before the older one is let go; one that fails to load
    changes nothing but its own status. It is tried again once its files change, so a
    folder that was seen half copied is picked up when the copy is complete.

    Args:
        base_paths: Folder of versions by model name.
        load: Makes servables.
    """

    def __init__(self, base_paths: dict[str, Path], load: Loader):
        self._base_paths = dict(base_paths)
        self._load = load
        self._lock = threading.Lock()  # guards the next line; never held to load
        self._versions: dict[str, dict[int, _Version]] = {}
        self._refreshing = threading.Lock()

    def start(self) -> list[Servable]:
        """Loads the newest version of every model.

        Raises:
            ModelLoadFailed: One of them cannot be loaded.
        """
        started = []
        for name, base_path in self._base_paths.items():
            version, path = newest(name, base_path)
            self._bring_up(name, version, path)
            state = self._versions[name][version]
            if state.servable is None:
                raise ModelLoadFailed(
                    f"model {name}: version {version} in {path} cannot be loaded: "
                    f"{state.failure}".replace("\n", " ")
                )
            started.append(state.servable)
        return started

    def refresh(self) -> None:
        """Looks at the folders and brings what is served into line with them."""
        with self._refreshing:
            for name, base_path in self._base_paths.items():
                try:
                    present = versions(base_path)
                except OSError as error:
                    _LOG.warning("model %s: cannot look for versions: %s", name, error)
                    continue
                if present:
                    self._aspire(name, *max(present.items()))
                else:
                    self._retire(name, keep=None)

    def served(self) -> dict[str, bool]:
        """Every configured model, and whether one of its versions can be asked."""
        with self._lock:
            return {
                name: any(
                    version.servable is not None
                    for version in self._versions.get(name, {}).values()
                )
                for name in self._base_paths
            }

    def find(self, spec: model_pb2.ModelSpec) -> Servable:
        """The servable that a request means.

        Raises:
            Refusal: With TF Serving's code and message.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        with self._lock:
            known = self._versions.get(spec.name, {})
            available = {
                number: version.servable
                for number, version in known.items()
                if version.servable is not None
            }
        if choice == "version":
            wanted = spec.version.value
            asked = f"Specific({spec.name}, {wanted})"
        else:
            wanted = max(available, default=-1)
            asked = f"Latest({spec.name})"
        if wanted not in available:
            raise not_found(f"Servable not found for request: {asked}")
        return available[wanted]

    def status(
        self, spec: model_pb2.ModelSpec
    ) -> list[status_pb2.ModelVersionStatus]:
        """State of one version or of all; labels are ignored, as in TF Serving.

        Raises:
            Refusal: The model or version was never seen.
        """
        with self._lock:
            known = sorted(self._versions.get(spec.name, {}).items(), reverse=True)
        if spec.WhichOneof("version_choice") == "version":
            wanted = spec.version.value
            known = [item for item in known if item[0] == wanted]
            missing = f"Could not find version {wanted} of model {spec.name}"
        else:
            missing = f"Could not find any versions of model {spec.name}"
        if not known:
            raise not_found(missing)
        return [_message(number, version) for number, version in known]

    def _aspire(self, name: str, version: int, path: Path) -> None:
        known = self._versions.get(name, {}).get(version)
        if known is not None and known.servable is not None:
            return
        if known is not None and known.failure is not None:
            if known.failed_files == fingerprint(path):
                return
        self._bring_up(name, version, path)
        failure = self._versions[name][version].failure
        if failure is None:
            _LOG.info("model %s: version %d is served", name, version)
        else:
            _LOG.error("model %s: version %d does not load: %s", name, version, failure)

    def _bring_up(self, name: str, version: int, path: Path) -> None:
        files = fingerprint(path)
        self._put(name, version, _Version(_State.LOADING))
        try:
            servable = self._load(name, version, path)
        except Refusal as failure:
            self._put(name, version, _Version(_State.END, None, failure, files))
            return
        self._put(name, version, _Version(_State.AVAILABLE, servable))
        self._retire(name, keep=version)

    def _retire(self, name: str, keep: int | None) -> None:
        with self._lock:
            for number, version in self._versions.get(name, {}).items():
                if number != keep and version.servable is not None:
                    self._versions[name][number] = _Version(_State.END)
                    _LOG.info("model %s: version %d is unloaded", name, number)

    def _put(self, name: str, version: int, state: _Version) -> None:
        with self._lock:
            self._versions.setdefault(name, {})[version] = state


def _message(number: int, version: _Version) -> status_pb2.ModelVersionStatus:
    message = status_pb2.ModelVersionStatus(version=number, state=version.state)
    if version.failure is None:
        message.status.error_code = error_codes_pb2.OK
    else:
        message.status.error_code = version.failure.code.value[0]
        message.status.error_message = version.failure.message
    return message
