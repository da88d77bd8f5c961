"""Who computes now, who waits, and who is sent away."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

import grpc

from serving.server.refusal import Refusal, late


class Caller(Protocol):
    """What a call knows of itself; part of ``grpc.ServicerContext``."""

    def is_active(self) -> bool:
        """Whether somebody waits for the answer."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Has a function called when nobody does any more; False if that is so."""


class _Wait:
    def __init__(self) -> None:
        self.over = threading.Lock()
        self.over.acquire()
        self.abandoned = False


class Turns:
    """Lets so many calls compute at once, in the order in which they came.

    Each call has a thread of its own anyway: one that waits for its request to arrive
    is in nobody's way, and probes are answered however many calls wait here.

    Args:
        computing: Calls that compute at once.
        waiting: Calls that may wait; more are refused.
    """

    def __init__(self, computing: int, waiting: int):
        self._lock = threading.Lock()
        self._free = computing
        self._most = waiting
        self._waits: deque[_Wait] = deque()

    def begin(self, caller: Caller, seconds: float = math.inf) -> None:
        """Returns when the call may compute; :meth:`end` has to follow.

        Args:
            caller: It.
            seconds: How long it may wait.

        Raises:
            Refusal: Too many wait, its time is over, or its client has gone.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._waits) >= self._most:
                raise Refusal(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"expected at most {self._most} waiting requests",
                )
            wait = _Wait()
            self._waits.append(wait)
        if not caller.add_callback(lambda: self._abandon(wait)):
            self._abandon(wait)
        timeout = -1 if seconds > threading.TIMEOUT_MAX else max(0.0, seconds)
        if not wait.over.acquire(timeout=timeout) and self._drop(wait):
            raise late()
        if wait.abandoned:
            raise gone()

    def end(self) -> None:
        """The call that has begun has computed: the next one may."""
        with self._lock:
            if self._waits:
                self._waits.popleft().over.release()
            else:
                self._free += 1

    def _abandon(self, wait: _Wait) -> None:
        with self._lock:
            if wait in self._waits:
                self._waits.remove(wait)
                wait.abandoned = True
                wait.over.release()

    def _drop(self, wait: _Wait) -> bool:
        """Takes a call out of the queue; False if it has left it already."""
        with self._lock:
            if wait not in self._waits:
                return False
            self._waits.remove(wait)
            return True


def gone() -> Refusal:
    """Nobody waits for the answer any more."""
    return Refusal(grpc.StatusCode.CANCELLED, "the client has cancelled the call")
