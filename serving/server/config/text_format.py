"""Configuration files in protobuf's text format, and the lines of mistakes in them."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from serving.errors import StartupFailed

Config = TypeVar("Config", bound=Message)


class ConfigError(StartupFailed):
    """A configuration file cannot be read or makes no sense."""


def read_config(path: str | Path, kind: type[Config]) -> Config:
    """The message that a file holds.

    Args:
        path: A text file.
        kind: Class of the message.

    Raises:
        ConfigError: In one line: the file, where possible the line, and what is wrong
            there.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text: {error}") from error
    return parse_config(text, kind, str(path))


def parse_config(text: str, kind: type[Config], name: str) -> Config:
    """The same from a text; ``name`` stands for it in messages.

    >>> from serving.messages import monitoring_config_pb2
    >>> kind = monitoring_config_pb2.MonitoringConfig
    >>> parse_config("prometheus_config { enable: true }", kind, "m.txt")
    prometheus_config {
      enable: true
    }
    """
    try:
        return text_format.Parse(text, kind())
    except text_format.ParseError as error:
        line, column = error.GetLine(), error.GetColumn()
        place = name if line is None else f"{name}:{line}:{column}"
        said = str(error).removeprefix(f"{line}:{column} : ")
        # Our package name means nothing to whoever wrote the file.
        said = said.replace("keras_attention_serving.", "")
        raise ConfigError(f"{place}: {' '.join(said.split())}") from None


def line_of(path: str | Path, field: str, entry: int | None = None) -> str:
    """The file, and where possible the line of a field whose value makes no sense.

    Args:
        path: A file that could be read as a message.
        field: Name of the field.
        entry: In which ``config`` of a ModelServerConfig, from 0; its first line stands
            for a field that is not there.
    """
    place, entries = str(path), 0
    try:
        tokens = text_format.Tokenizer(Path(path).read_text("utf-8").splitlines())
        while not tokens.AtEnd():
            name, line = tokens.token, tokens.ParseError("").GetLine()
            tokens.NextToken()
            if tokens.token not in (":", "{", "<"):
                continue
            if name == "config":
                entries += 1
                if entry == entries - 1:
                    place = f"{path}:{line}"
            if name == field and entry in (None, entries - 1):
                return f"{path}:{line}"
    except (OSError, UnicodeDecodeError, text_format.ParseError):
        pass  # the file has changed meanwhile
    return place
