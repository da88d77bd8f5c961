"""Configuration files: messages in protobuf's text format, as TF Serving reads them."""

from __future__ import annotations

import re
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
        said = str(error)
        line, column = error.GetLine(), error.GetColumn()
        place = name if line is None else f"{name}:{line}:{column}"
        # Our package name means nothing to whoever wrote the file.
        said = said.replace("keras_attention_serving.", "")
        said = said.removeprefix(f"{line}:{column} : ")
        raise ConfigError(f"{place}: {' '.join(said.split())}") from None


# Words in comments and strings are no fields.
_HIDDEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""")
_ENTRY = re.compile(r"\bconfig\s*:?\s*[{<]")


def place_of(path: str | Path, field: str, entry: int | None = None) -> str:
    """The file, and where possible the line of a field whose value makes no sense.

    Args:
        path: A file that could be read as a message.
        field: Name of the field.
        entry: In which ``config`` of a ModelServerConfig, from 0; its first line stands
            for a field that is not there.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # it has changed meanwhile
        return str(path)
    bare = _HIDDEN.sub(lambda found: " " * len(found[0]), text)
    start, stop = 0, len(bare)
    if entry is not None:
        starts = [found.start() for found in _ENTRY.finditer(bare)]
        if entry >= len(starts):
            return str(path)
        start, stop = [*starts, stop][entry : entry + 2]
    found = re.compile(rf"\b{field}\s*[:{{<]").search(bare, start, stop)
    if found is None and entry is None:
        return str(path)
    at = start if found is None else found.start()
    return f"{path}:{bare.count(chr(10), 0, at) + 1}"
