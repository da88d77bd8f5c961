"""Entries of the registered parts: how each is made small, and what is expected of it.

A score or an alignment has one entry, beside its oracle. It is held to its equation and
to the rules of all others, combined with every other part, asked for what it has to
refuse, and taught a task.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

# Batch, target and source length, depths of queries and values, hidden units.
B, T, S, D, DV, U = 3, 4, 5, 6, 6, 8

INF, NAN = float("inf"), float("nan")
_NO_COUNT = (0, -1, 2.5, "2", True)
_NO_NUMBER = (0.0, -1.0, INF, NAN, "2", True)
# Values that an argument must refuse, and how the message goes on after "must be".
COUNT = (_NO_COUNT, "a positive integer")
ODD = ((*_NO_COUNT, 2, 30), "a positive odd integer")
POSITIVE = (_NO_NUMBER, "a positive number")
FROM_ZERO = ((-1, 1.5, "2", True), "an integer of at least 0")


class Mechanism(NamedTuple):
    """What an attention is made of, by name."""

    score: str = "general"
    alignment: str = "softmax"
    score_options: Mapping[str, Any] = {}
    alignment_options: Mapping[str, Any] = {}
    # A class of `ka` with these parts, and its arguments in their place.
    preset: str | None = None
    preset_options: Mapping[str, Any] = {}


@dataclasses.dataclass(frozen=True)
class Case:
    """A mechanism and its oracle, one of three.

    ``w.score(suffix)`` and ``w.alignment(suffix)`` are weights of the parts.
    ``energies(w, query, keys, heads)`` is for scores without a state, those of the
    general score unless given. ``row(w, energies, query, head, place)`` is for
    alignments, softmax unless given: the weights of the valid positions of one query
    ``[D]``, of which ``place`` others came before. What carries a state has
    ``weights(w, query, key, value, value_mask, query_mask, heads)``.
    """

    of: Mechanism
    energies: Callable[..., np.ndarray] | None = None
    row: Callable[..., np.ndarray] | None = None
    weights: Callable[..., np.ndarray] | None = None
    key_depth: int = 4
    heads: tuple[int, ...] = (1, 2)
    # Whether it is more than the same class with other arguments: what takes long and
    # the class does in one place is asked of these alone.
    distinct: bool = True


class Entry(NamedTuple):
    """What the suites have to know about a part.

    ``small``: arguments that make it small. ``other``: values off the default where
    the type of an argument does not tell one. ``refuses``: for each argument values
    that it refuses, and what the message says. ``learns``: mechanisms that learn its
    ``task``, given the length of the longest source.
    """

    cases: Mapping[str, Case]
    small: Mapping[str, Any]
    other: Mapping[str, Any]
    refuses: Mapping[str, tuple[tuple[Any, ...], str]]
    learns: Mapping[str, Callable[[int], Mechanism]]
    task: str


class Entries(dict[str, Entry]):
    """Entries of a kind by name; a missing one says where to write it."""

    def __init__(self, kind, files):
        super().__init__()
        self.kind, self.files = kind, files

    def __missing__(self, name):
        raise LookupError(
            f"The {self.kind} {name!r} has no entry. Write its oracle, and below it "
            f"`entries.{self.kind}({name!r}, ...)`, in {self.files}"
        )


SCORES = Entries(
    "score", "tests/reference/scores.py, earlier_weights.py or locations.py"
)
ALIGNMENTS = Entries(
    "alignment", "tests/reference/alignments.py, monotonic.py or windows.py"
)


def score(
    name,
    energies=None,
    *,
    weights=None,
    small=None,
    key_depth=4,
    heads=(1, 2),
    cases=None,
    other=None,
    refuses=None,
    learns=None,
    task="reverse",
):
    """The entry of a score; ``cases`` in place of, or beside, the one of its name."""
    small = small or {}
    found = {}
    if energies or weights:
        of = Mechanism(name, score_options=small)
        found[name] = Case(of, energies, None, weights, key_depth, heads)
    if learns is None:
        learns = {name: lambda longest: Mechanism(name)}
    found |= cases or {}
    SCORES[name] = Entry(found, small, other or {}, refuses or {}, learns, task)


def alignment(
    name,
    row=None,
    *,
    cases=None,
    small=None,
    other=None,
    refuses=None,
    learns=None,
    task="reverse",
):
    """The entry of an alignment; its own case goes with the general score."""
    small = small or {}
    found = {name: aligned(name, row, small)} if row else {}
    if learns is None:
        learns = {name: lambda longest: Mechanism("general", name)}
    found |= cases or {}
    ALIGNMENTS[name] = Entry(found, small, other or {}, refuses or {}, learns, task)


def aligned(name, row, options, **case):
    """A case of the general score with an alignment, for a row of its weights."""
    of = Mechanism("general", name, alignment_options=options)
    return Case(of, row=row, heads=(2,), **case)
