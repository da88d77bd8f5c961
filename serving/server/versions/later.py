"""Work that waits until a server is ready."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)


class Later:
    """Does one thing after the other in a thread, once it has been started."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="later", daemon=True)

    def put(self, job: Callable[[], object]) -> None:
        """Has a job done some time."""
        self._jobs.put(job)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self, wait: bool = True) -> None:
        """Does nothing more; waits for what is being done if wanted."""
        self._closing.set()
        self._jobs.put(lambda: None)
        if wait and self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._closing.is_set():
            job = self._jobs.get()
            if self._closing.is_set():
                break
            try:
                job()
            except Exception:
                _LOG.exception("work in the background failed")
            del job
