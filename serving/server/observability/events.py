"""Events of a server besides calls: loads, warm-ups, batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Loaded:
    """A SavedModel was loaded, or was not.

    Attributes:
        path: Folder of the version.
        seconds: How long it took.
        worked: Whether it did.
    """

    path: Path
    seconds: float
    worked: bool


@dataclass(frozen=True)
class WarmedUp:
    """The warm-up requests of a version were answered, or one of them was not.

    Attributes:
        path: Folder of the version.
        seconds: How long it took.
        status: Name of the code; ``OK`` if all were answered.
    """

    path: Path
    seconds: float
    status: str


@dataclass(frozen=True)
class Taken:
    """A batch was taken out of its queue.

    Attributes:
        waits: How many seconds each of its tasks was in there.
    """

    waits: tuple[float, ...]


@dataclass(frozen=True)
class Ran:
    """A session ran for a batch, or for a part of one."""


Event = Loaded | WarmedUp | Taken | Ran

#: Is told of every event; must not raise, nor take long.
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listens to nothing."""
