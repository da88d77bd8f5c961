"""Models that a server is asked to serve: a ModelServerConfig, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from serving.messages import config_pb2
from serving.server.refusal import FieldLocation, Refusal, invalid, precondition
from serving.server.versions.version_policy import VersionPolicy

_TENSORFLOW = "tensorflow"


@dataclass(frozen=True)
class ModelConfig:
    """One model that is to be served.

    Attributes:
        name: Its name in requests.
        base_path: Folder of its versions.
        policy: Which of them are served.
        labels: Version by label.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = VersionPolicy()
    labels: Mapping[str, int] = field(default_factory=dict)


Configuration = dict[str, ModelConfig]


def of_paths(base_paths: Mapping[str, Path]) -> Configuration:
    """The latest version of each of these models."""
    return {name: ModelConfig(name, path) for name, path in base_paths.items()}


def of_message(
    message: config_pb2.ModelServerConfig, current: Configuration
) -> Configuration:
    """A configuration that may take the place of the current one.

    A message without any choice changes nothing, as long as nothing is served. What
    is not accepted is a Refusal with TF Serving's code and message.
    """
    choice = message.WhichOneof("config")
    if choice == "custom_model_config":
        raise invalid(
            "custom_model_config is not supported; use model_config_list",
            FieldLocation(choice),
        )
    if choice is None:
        if not current:
            return {}
        raise precondition(
            "Cannot transition to requested config. It is only legal to transition "
            "from one ModelConfigList to another."
        )
    listed = message.model_config_list.config
    entries = [_Entry(place, config) for place, config in enumerate(listed)]
    _check_names(entries)
    for entry in entries:
        _check_path(entry)
    # In TF Serving's order: those that stay first.
    for entry in sorted(entries, key=lambda entry: entry.config.name not in current):
        _check_platform(entry, entry.config.name not in current)
    found = {
        config.name: ModelConfig(
            config.name,
            Path(config.base_path.removeprefix("file://")),
            VersionPolicy.of_message(config.model_version_policy),
            dict(config.version_labels),
        )
        for config in listed
    }
    # What did not change stays the same object, so that it can be told by identity.
    return {
        name: current[name] if current.get(name) == config else config
        for name, config in found.items()
    }


class _Entry(NamedTuple):
    place: int
    config: config_pb2.ModelConfig

    def wrong(self, field: str, message: str) -> Refusal:
        return invalid(message, FieldLocation(field, self.place))


def _check_names(entries: Sequence[_Entry]) -> None:
    seen = set()
    for entry in entries:
        name = entry.config.name
        if not name:
            raise entry.wrong("name", "ModelConfig has no name specified.")
        if name in seen:
            raise entry.wrong(
                "name", f"Illegal to list model {name} multiple times in config list"
            )
        seen.add(name)


def _check_path(entry: _Entry) -> None:
    name, path = entry.config.name, entry.config.base_path
    scheme = re.match(r"([a-zA-Z][0-9a-zA-Z.]*)://", path)
    message = None
    if "\0" in path:
        message = f"model {name}: no base path has a NUL in it"
    elif scheme is not None and scheme[1] != "file":
        message = (
            f"model {name}: base path {path} is on a remote file system; the embedded "
            "engine reads local folders only"
        )
    elif scheme is None and not path.startswith("/"):
        message = (
            f"Expected model {name} to have an absolute path or URI; "
            f"got base_path()={path}"
        )
    if message is not None:
        raise entry.wrong("base_path", message)


def _check_platform(entry: _Entry, is_new: bool) -> None:
    config, field = entry.config, "model_platform"
    name, platform = config.name, config.model_platform
    fields = (
        "ModelServerConfig::model_type (deprecated) {} "
        f"ModelServerConfig::model_platform, model name is {name}"
    )
    message = None
    if config.model_type != config_pb2.MODEL_TYPE_UNSPECIFIED:
        field = "model_type"
        if platform:
            message = f"Illegal setting both {fields.format('and')}"
        elif config.model_type != config_pb2.TENSORFLOW:
            message = (
                f"ModelServerConfig::model_type choice {config.model_type} not "
                "supported."
            )
    elif not platform:
        message = f"Illegal setting neither {fields.format('nor')}"
    elif platform != _TENSORFLOW and is_new:
        message = f"Model {name} requests unsupported platform {platform}"
    elif platform != _TENSORFLOW:
        message = (
            f"Illegal to change a model's platform. For model {name} platform was "
            f"{_TENSORFLOW} and new platform requested is {platform}"
        )
    if message is not None:
        raise entry.wrong(field, message)
