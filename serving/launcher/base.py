"""What the engines have in common."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Protocol


class Engine(Protocol):
    """Something that serves models."""

    @property
    def description(self) -> str:
        """Its name and where it is, in words of the form ``name=value``."""

    def run(
        self, options: argparse.Namespace, unknown: Sequence[str], files: ExitStack
    ) -> int:
        """Serves until told to stop.

        Args:
            options: The command line, free of contradictions.
            unknown: Words of it that nobody here knows.
            files: Holds files that were made for this run; to be closed as soon as
                they have been read.

        Returns:
            The exit status.

        Raises:
            StartupFailed: The server cannot start.
            ValueError: A flag cannot be honoured.
        """
