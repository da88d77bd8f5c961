"""Admission of requests: how many compute, how many wait, which are refused."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import grpc

from serving.server.refusal import Refusal, late


class Caller(Protocol):
    """Whoever waits for a response; part of ``grpc.ServicerContext``."""

    def is_active(self) -> bool:
        """Whether somebody still waits."""

    def add_callback(self, callback: Callable[[], object]) -> bool:
        """Has a function called when nobody does any more; False if that is so."""


class _Wait:
    def __init__(self) -> None:
        self.over = threading.Lock()
        self.over.acquire()
        self.abandoned = False


class Admission:
    """Admits so many requests at once, in the order in which they came.

    Each request has a thread of its own anyway: one that is slow to arrive is in
    nobody's way, and probes are answered however many requests wait here.

    Args:
        computing: Requests that compute at once.
        waiting: Requests that may wait; more are refused.
    """

    def __init__(self, computing: int, waiting: int):
        self._lock = threading.Lock()
        self._free = computing
        self._limit = waiting
        self._waits: deque[_Wait] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waits)

    def check(self) -> None:
        """Raises Refusal if a request that came now would be refused."""
        if not self._free and len(self._waits) >= self._limit:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"Too many requests. Expected: at most {self._limit} waiting requests. "
                "Received: one more",
            )

    @contextmanager
    def admit(self, caller: Caller, deadline: float = math.inf) -> Iterator[None]:
        """Waits until a request may compute, which it does in this context.

        Args:
            caller: Whoever waits for the response.
            deadline: Point in ``time.monotonic`` until which it may wait.

        Raises:
            Refusal: Too many wait, its time is over, or its client has gone.
        """
        self._begin(caller, deadline)
        try:
            if not caller.is_active():
                raise _gone()
            yield
        finally:
            self._end()

    def _begin(self, caller: Caller, deadline: float) -> None:
        with self._lock:
            self.check()
            if self._free:
                self._free -= 1
                return
            wait = _Wait()
            self._waits.append(wait)
        abandon = functools.partial(self._leave, wait, True)
        if not caller.add_callback(abandon):
            abandon()
        seconds = max(0.0, deadline - time.monotonic())
        timeout = -1 if seconds > threading.TIMEOUT_MAX else seconds
        if not wait.over.acquire(timeout=timeout) and self._leave(wait):
            raise late()
        if wait.abandoned:
            raise _gone()

    def _end(self) -> None:
        with self._lock:
            if self._waits:
                self._waits.popleft().over.release()
            else:
                self._free += 1

    def _leave(self, wait: _Wait, abandoned: bool = False) -> bool:
        """Takes a request out of the queue; False if it has left it already."""
        with self._lock:
            if wait not in self._waits:
                return False
            self._waits.remove(wait)
            wait.abandoned = abandoned
            wait.over.release()
            return True


def _gone() -> Refusal:
    return Refusal(grpc.StatusCode.CANCELLED, "the client has cancelled the call")
