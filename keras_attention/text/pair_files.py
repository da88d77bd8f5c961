"""Pairs of texts from a file of tab-separated values."""

import codecs
import os
from pathlib import Path
from typing import NamedTuple


class Pair(NamedTuple):
    """A source text and the target text that belongs to it."""

    source: str
    target: str


def read_pairs(
    path: str | os.PathLike[str],
    source_column: int | str = 0,
    target_column: int | str = 1,
    separator: str = "\t",
    encoding: str = "utf-8",
) -> list[Pair]:
    """Read pairs, one a line.

    White space around a text is dropped; there is no quoting. A byte order mark
    is skipped, and so are empty lines at the end of the file.

    Args:
        path: The file.
        source_column: Number of the column, from 0, or its name; with a name the
            first line holds the names.
        target_column: Likewise.
        separator: What stands between columns.
        encoding: Of the file; one in which a line ends with the byte `\\n`.

    Returns:
        The pairs in the order of the file.

    Raises:
        ValueError: A column is missing, a side is empty or a line cannot be
            decoded. The message names the file and the line.
    """
    lines = Path(path).read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    columns = (source_column, target_column)
    names: list[str] | None = None
    pairs = []
    for number, line in enumerate(lines, 1):
        where = f"{os.fspath(path)}, line {number}"
        try:
            cells = [cell.strip() for cell in line.decode(encoding).split(separator)]
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{where}: expected {encoding}, received byte "
                f"{line[error.start]:#04x} at place {error.start}"
            ) from None
        if names is None:
            names = cells if any(isinstance(c, str) for c in columns) else []
            if names:
                continue
        pairs.append(Pair(*(_cell(cells, c, names, where) for c in columns)))
    return pairs


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
