"""Polling: something is done at intervals until the server stops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)


class Poller:
    """A thread that calls something every so many seconds; 0 never.

    An error does not end it.
    """

    def __init__(self, seconds: float, action: Callable[[], None]):
        self._seconds = seconds
        self._action = action
        self._stopping = threading.Event()
        if seconds > 0:
            threading.Thread(target=self._run, name="poll", daemon=True).start()

    def stop(self) -> None:
        """No further call is made; one that is under way is not waited for."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            try:
                self._action()
            except Exception:
                _LOG.exception("polling failed; it goes on")
