"""Configuration file of a server's models, read once or again and again."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from serving.messages import config_pb2
from serving.server.config import model_config
from serving.server.config.model_config import Configuration
from serving.server.config.text_format import ConfigError, line_of, read_config
from serving.server.refusal import Refusal
from serving.server.versions.model_manager import ModelManager

_LOG = logging.getLogger(__name__)


class ConfigFile:
    """A file with a ModelServerConfig in protobuf's text format."""

    def __init__(self, path: str | os.PathLike[str]):
        self._path = Path(path)
        self._said = ""

    def first(self) -> Configuration:
        """The configuration to start with; a ConfigError if it makes no sense."""
        message = read_config(self._path, config_pb2.ModelServerConfig)
        try:
            return model_config.of_message(message, {})
        except Refusal as error:
            raise ConfigError(self._said_of(error)) from error

    def look(self, models: ModelManager) -> None:
        """Puts the file's present content into force, unless it makes no sense.

        What is wrong with it is logged once, and what was served before still is.
        """
        try:
            message = read_config(self._path, config_pb2.ModelServerConfig)
            models.reload(message)
        except (ConfigError, Refusal) as error:
            said = self._said_of(error) if isinstance(error, Refusal) else str(error)
            if said != self._said:
                _LOG.error("the configuration in force stays: %s", said)
            self._said = said
        else:
            self._said = ""

    def _said_of(self, refusal: Refusal) -> str:
        place = str(self._path)
        if refusal.location is not None:
            place = line_of(place, *refusal.location)
        return f"{place}: {refusal.message}"
