"""What a server is asked to serve: a ModelServerConfig, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from serving.messages import config_pb2
from serving.server.refusal import Place, Refusal, invalid
from serving.server.versions import version_policy
from serving.server.versions.version_policy import Latest, VersionPolicy

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
    policy: VersionPolicy = Latest()
    labels: Mapping[str, int] = field(default_factory=dict)


Configuration = dict[str, ModelConfig]


def of_paths(base_paths: Mapping[str, Path]) -> Configuration:
    """The latest version of each of these models."""
    return {name: ModelConfig(name, path) for name, path in base_paths.items()}


def of_message(
    message: config_pb2.ModelServerConfig, current: Configuration
) -> Configuration:
    """A configuration that may take the place of the current one.

    Args:
        message: What is asked for. One without any choice changes nothing, as long
            as nothing is served.
        current: What is in force.

    Raises:
        Refusal: With TF Serving's code and message.
    """
    choice = message.WhichOneof("config")
    if choice == "custom_model_config":
        raise invalid(
            "custom_model_config is not supported; use model_config_list",
            Place(choice),
        )
    if choice is None:
        if not current:
            return {}
        raise Refusal(
            grpc.StatusCode.FAILED_PRECONDITION,
            "Cannot transition to requested config. It is only legal to transition "
            "from one ModelConfigList to another.",
        )
    listed = message.model_config_list.config
    _check_names(listed)
    for entry, config in enumerate(listed):
        _check_path(config, Place("base_path", entry))
    for entry in sorted(
        range(len(listed)), key=lambda entry: listed[entry].name not in current
    ):
        is_new = listed[entry].name not in current
        _check_platform(listed[entry], entry, is_new)
    found = {config.name: _value(config) for config in listed}
    # What did not change stays the same object, so that it can be told by identity.
    return {
        name: current[name] if current.get(name) == config else config
        for name, config in found.items()
    }


def _value(config: config_pb2.ModelConfig) -> ModelConfig:
    return ModelConfig(
        config.name,
        Path(config.base_path.removeprefix("file://")),
        version_policy.from_message(config.model_version_policy),
        dict(config.version_labels),
    )


def _check_names(listed: Sequence[config_pb2.ModelConfig]) -> None:
    seen = set()
    for entry, config in enumerate(listed):
        place = Place("name", entry)
        if not config.name:
            raise invalid("ModelConfig has no name specified.", place)
        if config.name in seen:
            raise invalid(
                f"Illegal to list model {config.name} multiple times in config list",
                place,
            )
        seen.add(config.name)


def _check_path(config: config_pb2.ModelConfig, place: Place) -> None:
    if "\0" in config.base_path:
        raise invalid(f"model {config.name}: no base path has a NUL in it", place)
    scheme = re.match(r"([a-zA-Z][0-9a-zA-Z.]*)://", config.base_path)
    if scheme is not None and scheme[1] != "file":
        raise invalid(
            f"model {config.name}: base path {config.base_path} is on a remote file "
            "system; the embedded engine reads local folders only",
            place,
        )
    if scheme is None and not config.base_path.startswith("/"):
        raise invalid(
            f"Expected model {config.name} to have an absolute path or URI; "
            f"got base_path()={config.base_path}",
            place,
        )


def _check_platform(config: config_pb2.ModelConfig, entry: int, is_new: bool) -> None:
    platform = config.model_platform
    place = Place("model_platform", entry)
    if config.model_type != config_pb2.MODEL_TYPE_UNSPECIFIED:
        place = Place("model_type", entry)
        if platform:
            raise invalid(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and "
                f"ModelServerConfig::model_platform, model name is {config.name}",
                place,
            )
        if config.model_type != config_pb2.TENSORFLOW:
            raise invalid(
                f"ModelServerConfig::model_type choice {config.model_type} not "
                "supported.",
                place,
            )
        platform = _TENSORFLOW
    if not platform:
        raise invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform, model name is {config.name}",
            place,
        )
    if platform != _TENSORFLOW and is_new:
        raise invalid(
            f"Model {config.name} requests unsupported platform {platform}", place
        )
    if platform != _TENSORFLOW:
        raise invalid(
            f"Illegal to change a model's platform. For model {config.name} platform "
            f"was {_TENSORFLOW} and new platform requested is {platform}",
            place,
        )
