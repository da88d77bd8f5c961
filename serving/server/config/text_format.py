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
    """The message of this kind that a text file holds.

    Raises:
        ConfigError: In one line: the file, where possible the line, and what is wrong
            there.
    """
    try:
        return text_format.Parse(Path(path).read_text(encoding="utf-8"), kind())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: must be UTF-8 text. Received: {error}") from error
    except text_format.ParseError as error:
        line, column = error.GetLine(), error.GetColumn()
        place = path if line is None else f"{path}:{line}:{column}"
        said = str(error).removeprefix(f"{line}:{column} : ")
        # Our package name means nothing to whoever wrote the file.
        said = said.replace("keras_attention_serving.", "")
        raise ConfigError(f"{place}: {' '.join(said.split())}") from None


def line_of(path: str | Path, field: str, entry: int | None = None) -> str:
    """The file, and where possible the line of a field whose value makes no sense.

    In a ModelServerConfig ``entry`` says in which ``config``, from 0; its first line
    stands for a field that is not there.
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
