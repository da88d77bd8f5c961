"""A ``tensorflow_model_server`` on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar

from serving.launcher.external import ANYWHERE, Launch, gpu_environment
from serving.launcher.launch_specification import Orders


@dataclass(frozen=True)
class Binary:
    """The program at a path.

    Attributes:
        where: The path.
    """

    where: str
    name: ClassVar[str] = "binary"

    def launch(self, told: Orders, host: str) -> Launch:
        """See :meth:`serving.launcher.external.Place.launch`."""
        if host not in ANYWHERE:
            raise ValueError(
                f"--host={host}: tensorflow_model_server listens on all addresses; "
                "leave the flag out, or take --engine=docker or --engine=embedded"
            )
        command = [self.where, *told.words()]
        return Launch(command, gpu_environment(told, os.environ))
