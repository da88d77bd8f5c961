"""Version policy: which of the versions in a model's folder are to be served."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from serving.messages import config_pb2


@dataclass(frozen=True)
class VersionPolicy:
    """Which versions are served.

    >>> VersionPolicy(2).choose({1: "a", 3: "c", 2: "b"})
    [3, 2]

    Attributes:
        latest: So many of the highest; None for all.
        specific: Only these.
    """

    latest: int | None = 1
    specific: frozenset[int] | None = None

    @classmethod
    def of_message(
        cls, message: config_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy
    ) -> VersionPolicy:
        """The policy of a model's configuration; the latest version by default."""
        choice = message.WhichOneof("policy_choice")
        if choice == "all":
            return cls(None)
        if choice == "specific":
            return cls(None, frozenset(message.specific.versions))
        return cls(max(message.latest.num_versions, 1))

    def choose(self, present: Iterable[int]) -> list[int]:
        """The chosen ones, the highest first."""
        numbers = sorted(present, reverse=True)
        if self.specific is not None:
            numbers = [number for number in numbers if number in self.specific]
        return numbers[: self.latest]
