"""Which of the versions in a model's folder are to be served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from serving.messages import config_pb2

_T = TypeVar("_T")


class VersionPolicy(Protocol):
    """Chooses among the versions that are there."""

    def choose(self, present: Mapping[int, _T]) -> dict[int, _T]:
        """The chosen part of ``present``."""


@dataclass(frozen=True)
class Latest:
    """The highest numbers.

    >>> Latest(2).choose({1: "a", 3: "c", 2: "b"})
    {3: 'c', 2: 'b'}
    """

    count: int = 1

    def choose(self, present: Mapping[int, _T]) -> dict[int, _T]:
        """The ``count`` highest."""
        return {number: present[number] for number in _downwards(present)[: self.count]}


@dataclass(frozen=True)
class All:
    """Every version."""

    def choose(self, present: Mapping[int, _T]) -> dict[int, _T]:
        """All of them."""
        return {number: present[number] for number in _downwards(present)}


@dataclass(frozen=True)
class Specific:
    """The versions that are named, as far as they are there."""

    numbers: frozenset[int]

    def choose(self, present: Mapping[int, _T]) -> dict[int, _T]:
        """Those named."""
        found = [number for number in _downwards(present) if number in self.numbers]
        return {number: present[number] for number in found}


def from_message(
    message: config_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy,
) -> VersionPolicy:
    """The policy of a model's configuration; the latest version by default."""
    choice = message.WhichOneof("policy_choice")
    if choice == "all":
        return All()
    if choice == "specific":
        return Specific(frozenset(message.specific.versions))
    return Latest(max(message.latest.num_versions, 1))


def _downwards(present: Mapping[int, _T]) -> list[int]:
    return sorted(present, reverse=True)
