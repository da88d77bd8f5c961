"""Events of a server besides calls: loads, warm-ups, batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Loaded:
    """A SavedModel of a folder was loaded, or was not (``worked``)."""

    path: Path
    seconds: float
    worked: bool


@dataclass(frozen=True)
class WarmedUp:
    """The warm-up requests of a version were answered, or the first of them failed.

    ``status`` is the name of the code; ``OK`` if all were answered.
    """

    path: Path
    seconds: float
    status: str


@dataclass(frozen=True)
class Taken:
    """A batch was taken out of its queue, where each of its tasks was so long."""

    waits: tuple[float, ...]


@dataclass(frozen=True)
class Ran:
    """A session ran for a batch, or for a part of one."""


Event = Loaded | WarmedUp | Taken | Ran

#: Is told of every event; must not raise, nor take long.
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listens to nothing."""
