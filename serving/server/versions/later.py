"""Work that can wait: for a server to be ready, and for its requests to leave room."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable

_LOG = logging.getLogger(__name__)

_Job = Callable[[], object]


class Later:
    """Does one thing after the other in a thread, once it has been started.

    Each begins when no request has been computed for a while, or when its patience is
    over: steady traffic does not keep it waiting for ever. After something that could
    wait no longer the thread rests for as long as it took, so that requests have the
    processors to themselves half of the time at least. (A lower priority of the thread
    would not do: TensorFlow computes in threads of its own, and those that it begins
    here, which requests use too, would keep that priority.)

    Args:
        idle: Seconds for which no request has been computed; 0 while one is.
        quiet: Seconds without requests after which there is room.
    """

    def __init__(
        self, idle: Callable[[], float] = lambda: math.inf, quiet: float = 0.5
    ) -> None:
        self._idle = idle
        self._quiet = quiet
        self._jobs: list[tuple[float, int, _Job]] = []  # the first to be due in front
        self._order = itertools.count()
        self._rested = -math.inf
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="later", daemon=True)

    def put(self, job: _Job, patience: float = math.inf) -> None:
        """Has a job done some time; without room for it after so many seconds."""
        with self._changed:
            due = time.monotonic() + patience
            heapq.heappush(self._jobs, (due, next(self._order), job))
            self._changed.notify()

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self, wait: bool = True) -> None:
        """Does nothing more; waits for what is being done if wanted."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if wait and self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            began = time.monotonic()
            try:
                job()
            except Exception:
                _LOG.exception("work in the background failed")
            del job
            now = time.monotonic()
            self._rested = now + (now - began)

    def _next(self) -> _Job | None:
        """Waits for a job that may begin; None at the end."""
        with self._changed:
            while not self._closing:
                seconds = self._seconds(time.monotonic())
                if seconds <= 0:
                    return heapq.heappop(self._jobs)[-1]
                self._changed.wait(None if seconds == math.inf else seconds)
        return None

    def _seconds(self, now: float) -> float:
        """Seconds until a job may begin, or until it is worth to look again."""
        if not self._jobs:
            return math.inf
        until_quiet = self._quiet - self._idle()
        if until_quiet <= 0:
            return 0.0
        due = max(self._jobs[0][0], self._rested)
        return min(until_quiet, due - now)
