"""Configuration files in protobuf's text format."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

_M = TypeVar("_M", bound=Message)
_OURS = "keras_attention_serving."


class ConfigFileError(ValueError):
    """A configuration file cannot be read; the message names file and line."""


def read(path: Path, kind: type[_M]) -> _M:
    """Reads one message from a text file.

    Args:
        path: The file.
        kind: Class of the message.

    Raises:
        ConfigFileError: The file cannot be read or is no such message.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ConfigFileError(f"{path}: {reason}") from error
    message = kind()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        line, column = error.GetLine(), error.GetColumn()
        reason = str(error).replace(_OURS, "")
        if line is None:
            raise ConfigFileError(f"{path}: {reason}") from error
        reason = reason.removeprefix(f"{line}:{column} : ")
        raise ConfigFileError(f"{path}:{line}:{column}: {reason}") from error
    return message
