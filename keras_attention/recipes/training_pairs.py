"""Training pairs: files of them, what is usable, what is kept to choose by."""

import collections
import hashlib
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keras_attention.recipes.recipe import Data
from keras_attention.text import Pair
from keras_attention.text.pair_files import File, bare, read_columns, read_lines

MOST_DEVELOPMENT = 2_000

# CMUdict's `WORD(2)` is another pronunciation of WORD; `;;;` begins a comment, and so
# does ` # `.
_VARIANT = re.compile(r"\(\d+\)$")
_COMMENT = re.compile(r"^;;;.*|\s#\s.*")


class Usable(NamedTuple):
    """Pairs without those that say nothing new, and what was found.

    Attributes:
        pairs: In their order, each once.
        notes: One line for each finding.
    """

    pairs: list[Pair]
    notes: list[str]


def read(data: Data, files: Sequence[str | Path]) -> list[Pair]:
    """Pairs of a file, of standard input (`-`), or of two files line by line.

    Raises:
        ValueError: Something in a file is no pair; the message names the line.
    """
    if data.format == "parallel":
        if len(files) != 2:
            raise ValueError(
                "Parallel data are two files. Expected: that of the sources, then that "
                f"of the targets. Received: {[str(file) for file in files]}"
            )
        return _parallel(data, *files)
    if data.format == "tsv" and data.source == data.target:
        raise ValueError(
            "`target` must be another column than `source`. Received: "
            f"{data.target!r} for both"
        )
    found: list[Pair] = []
    for file in files:
        path: File = sys.stdin.buffer if str(file) == "-" else file
        if data.format == "lexicon":
            found += _lexicon(read_lines(path, data.encoding), str(file))
        else:
            found += _table(path, data)
    return found


def usable(pairs: Iterable[Pair]) -> Usable:
    """The pairs, each once, and notes of what is repeated or has several targets."""
    pairs = list(pairs)
    once = list(dict.fromkeys(pairs))
    sources = collections.Counter(pair.source for pair in once)
    several = sum(number > 1 for number in sources.values())
    notes = []
    if len(once) < len(pairs):
        notes.append(f"{len(pairs) - len(once)} pairs are repeated and count once")
    if several:
        notes.append(f"{several} sources have several targets; all of them count")
    return Usable(once, notes)


def split(pairs: Sequence[Pair], share: float) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train with, and pairs to choose by.

    A source is on one side only, whatever its targets: the sources with the lowest
    SHA-1 are kept, which a change elsewhere in the file does not move.

    Args:
        pairs: All there are.
        share: Of the sources that are kept, one at least and 2,000 at most.

    Raises:
        ValueError: There are not two sources.
    """
    sources = sorted({pair.source for pair in pairs}, key=_hash)
    if len(sources) < 2:
        raise ValueError(
            "A development set must have a source that training does not. Expected: "
            f"two sources at least, or a development file. Received: {len(sources)}"
        )
    number = max(1, min(round(share * len(sources)), MOST_DEVELOPMENT))
    kept = set(sources[:number])
    train = [pair for pair in pairs if pair.source not in kept]
    return train, [pair for pair in pairs if pair.source in kept]


def without(pairs: Sequence[Pair], held_out: Sequence[Pair]) -> Usable:
    """Pairs whose source is not held out, and a note of how many are."""
    kept = {pair.source for pair in held_out}
    left = [pair for pair in pairs if pair.source not in kept]
    lost = len(pairs) - len(left)
    notes = [f"{lost} pairs are left out, as the development set has their source"]
    return Usable(left, notes if lost else [])


def inputs(names: Sequence[str], sources: Sequence[str]) -> Any:
    """Sources as a pipeline takes them; of several inputs by name.

    Args:
        names: Of the pipeline's inputs. Several stand in a source with tabs between.
        sources: As pairs have them.

    Raises:
        ValueError: A source has not as many columns as there are inputs.
    """
    if len(names) == 1:
        return list(sources)
    rows = [source.split("\t") for source in sources]
    for row in rows:
        if len(row) != len(names):
            raise ValueError(
                "A source must have a column for each input, with tabs between. "
                f"Expected: {list(names)}. Received: {row}"
            )
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def references(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    """The targets of every source, in the order of the sources."""
    found: dict[str, list[str]] = {}
    for source, target in pairs:
        found.setdefault(source, []).append(target)
    return found


def _hash(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def _table(path: File, data: Data) -> list[Pair]:
    columns = {"source": data.source, "target": data.target}
    if data.features is not None:
        columns["features"] = data.features
    return [
        Pair("\t".join([source, *features]), target)
        for source, target, *features in read_columns(
            path, columns, "\t", data.encoding, same_width=True
        )
    ]


def _parallel(data: Data, source: str | Path, target: str | Path) -> list[Pair]:
    sides = [
        [bare(line) for line in read_lines(file, data.encoding)]
        for file in (source, target)
    ]
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            f"{source} and {target} must have the same number of lines. "
            f"Received: {len(sides[0])} and {len(sides[1])}"
        )
    pairs = []
    for number, pair in enumerate(zip(*sides, strict=True), 1):
        for file, text in zip((source, target), pair, strict=True):
            if not text:
                raise ValueError(f"{file}, line {number}: empty, expected a text")
        pairs.append(Pair(*pair))
    return pairs


def _lexicon(lines: list[str], name: str) -> list[Pair]:
    pairs = []
    for number, line in enumerate(lines, 1):
        line = bare(_COMMENT.sub("", line))
        if not line:
            continue
        word, *rest = re.split(r"\s+", line, maxsplit=1)
        if not rest:
            raise ValueError(
                f"{name}, line {number}: expected a word and its pronunciation, "
                f"received {line!r}"
            )
        for pronunciation in rest[0].split("\t"):
            phones = " ".join(pronunciation.split())
            if phones:
                pairs.append(Pair(_VARIANT.sub("", word), phones))
    return pairs
