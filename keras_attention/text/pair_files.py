"""Pairs of texts from a file of tab-separated values."""

import codecs
import os
import re
from typing import BinaryIO, NamedTuple, SupportsIndex, TypeAlias

from keras_attention.layer_support.argument_checks import local_path

# The longer ones first: UTF-32's begins with UTF-16's.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Lines that were translated twice end in CR CR LF.
_LINE_END = re.compile(r"\r*\n|\r")

File: TypeAlias = str | os.PathLike[str] | BinaryIO


class Pair(NamedTuple):
    """A source text and the target text that belongs to it."""

    source: str
    target: str


def read_pairs(
    path: File,
    source_column: int | str = 0,
    target_column: int | str = 1,
    separator: str | None = "\t",
    encoding: str = "utf-8",
) -> list[Pair]:
    """Read pairs, one a line.

    Lines end in LF, CR LF or CR. White space and byte order marks around a text
    are dropped; there is no quoting. Empty lines at the end of the file are
    skipped.

    Args:
        path: The file, or one that is open for reading bytes.
        source_column: Number of the column, from 0, or its name; with a name the
            first line holds the names.
        target_column: Likewise.
        separator: What stands between columns; None for any white space.
        encoding: Of a file that does not begin with a byte order mark.

    Returns:
        The pairs in the order of the file.

    Raises:
        ValueError: An argument is none of those above, a column is missing, a
            side is empty or a line cannot be decoded. The message names the
            argument, or the file and the line.
    """
    columns = {"source_column": source_column, "target_column": target_column}
    return [Pair(*row) for row in read_columns(path, columns, separator, encoding)]


def read_columns(
    path: File,
    columns: dict[str, int | str],
    separator: str | None,
    encoding: str,
    same_width: bool = False,
) -> list[list[str]]:
    """Some columns of every line, each not empty; raises as `read_pairs`.

    Args:
        path: The file.
        columns: Numbers or names, by what messages call them.
        separator, encoding: As in `read_pairs`.
        same_width: Whether a line with another number of columns than the first is an
            error: a separator inside a field would be read as the wrong columns.
    """
    for argument, column in columns.items():
        if not isinstance(column, str | SupportsIndex):
            raise ValueError(
                f"`{argument}` must be the number of a column or its name. "
                f"Received: {argument}={column!r}"
            )
    if separator == "" or not isinstance(separator, str | None):
        raise ValueError(
            "`separator` must be a string that is not empty. "
            f"Received: separator={separator!r}"
        )
    names: list[str] | None = None
    rows, width = [], 0
    for number, line in enumerate(read_lines(path, encoding), 1):
        cells = [bare(cell) for cell in line.split(separator)]
        width = width or len(cells)
        if same_width and len(cells) != width:
            raise ValueError(
                f"{_name(path)}, line {number}: expected {width} columns as in the "
                f"first line, received {len(cells)}: a tab too many or too few"
            )
        if names is None:
            names = cells if any(isinstance(c, str) for c in columns.values()) else []
            if names:
                continue
        where = f"{_name(path)}, line {number}"
        rows.append([_cell(cells, c, names, where) for c in columns.values()])
    return rows


def every_line(path: File, encoding: str) -> list[str]:
    """The lines of a file, without marks; raises as `read_pairs`."""
    lines = _LINE_END.split(_decoded(path, encoding))
    if not lines[-1]:
        lines.pop()
    return [bare(line) for line in lines]


def read_lines(path: File, encoding: str) -> list[str]:
    """The lines of a file but for empty ones at its end; raises as `read_pairs`."""
    lines = _LINE_END.split(_decoded(path, encoding))
    while lines and not bare(lines[-1]):
        lines.pop()
    return lines


def _name(path: File) -> str:
    return "standard input" if hasattr(path, "read") else os.fspath(path)


def _decoded(path: File, encoding: str) -> str:
    if hasattr(path, "read"):
        data = path.read()
    else:
        data = local_path("path", path).read_bytes()
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            encoding = marked
            break
    try:
        text = data.decode(encoding)
    except LookupError:
        raise ValueError(
            "`encoding` must be the name of a text encoding. "
            f"Received: encoding={encoding!r}"
        ) from None
    except UnicodeDecodeError as error:
        *before, last = _LINE_END.split(data[: error.start].decode(encoding))
        raise ValueError(
            f"{_name(path)}, line {len(before) + 1}: expected {encoding}, "
            f"received byte {data[error.start]:#04x} at place {len(last)}"
        ) from None
    if "\0" in text:
        *before, _ = _LINE_END.split(text[: text.index("\0")])
        raise ValueError(
            f"{_name(path)}, line {len(before) + 1}: expected {encoding}, received a "
            "NUL character, as text in UTF-16 has"
        )
    return text


def bare(text: str) -> str:
    """A text without white space and byte order marks around it."""
    return text.strip().strip("\ufeff").strip()


def _cell(cells: list[str], column: int | str, names: list[str], where: str) -> str:
    if isinstance(column, str):
        if column not in names:
            raise ValueError(
                f"{where}: expected a column {column!r}, the first line names {names}"
            )
        column = names.index(column)
    if not 0 <= column < len(cells):
        raise ValueError(
            f"{where}: expected a column {column} (counted from 0), "
            f"received {len(cells)} column{'s' * (len(cells) != 1)}"
        )
    if not cells[column]:
        raise ValueError(f"{where}: column {column} is empty, expected a text")
    return cells[column]
