"""Admission of requests: how many compute, how many wait, which are refused."""

from __future__ import annotations

import asyncio
import functools
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

import grpc

from serving.server.refusal import Refusal, late


class Admission:
    """Admits so many requests at once, in the order in which they came.

    Args:
        computing: Requests that compute at once.
        waiting: Requests that may wait; more are refused.
    """

    def __init__(self, computing: int, waiting: int):
        self._lock = threading.Lock()
        self._free = computing
        self._computing, self._limit = computing, waiting
        self._ended = time.monotonic()
        self._waits: deque[Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waits)

    def idle(self) -> float:
        """Seconds for which no request has computed; 0 while one does."""
        if self._free < self._computing:
            return 0.0
        return time.monotonic() - self._ended

    def check(self) -> None:
        """Raises Refusal if a request that came now would be refused."""
        if not self._free and len(self._waits) >= self._limit:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"Too many requests. Expected: at most {self._limit} waiting requests. "
                "Received: one more",
            )

    @contextmanager
    def admit(
        self, caller: grpc.ServicerContext, deadline: float = math.inf
    ) -> Iterator[None]:
        """Waits until a request may compute, which it does in this context.

        Each request over gRPC has a thread of its own anyway: one that is slow to
        arrive is in nobody's way, and probes are answered however many wait here.

        Args:
            caller: Whoever waits for the response.
            deadline: Point in ``time.monotonic`` until which it may wait.

        Raises:
            Refusal: Too many wait, its time is over, or its client has gone.
        """
        wait = self._enter()
        if wait is not None:
            abandon = functools.partial(self._leave, wait, _gone())
            if not caller.add_callback(abandon):
                abandon()
            try:
                wait.result(_seconds(deadline))
            except TimeoutError:
                if self._leave(wait):
                    raise late() from None
                wait.result()  # meanwhile it has been admitted, or abandoned
        try:
            if not caller.is_active():
                raise _gone()
            yield
        finally:
            self._end()

    @asynccontextmanager
    async def admit_on_loop(self, deadline: float = math.inf) -> AsyncIterator[None]:
        """The same on an event loop, whose task is cancelled if the client goes."""
        wait = self._enter()
        try:
            if wait is not None:
                loop, turn = asyncio.get_running_loop(), asyncio.Event()
                wait.add_done_callback(lambda _: loop.call_soon_threadsafe(turn.set))
                try:
                    await asyncio.wait_for(turn.wait(), _seconds(deadline))
                except TimeoutError:
                    raise late() from None
            yield
        finally:
            if wait is None or wait.done() or not self._leave(wait):
                self._end()

    def _enter(self) -> Future[None] | None:
        """Done as soon as a request may compute; None if it may at once."""
        with self._lock:
            self.check()
            if self._free:
                self._free -= 1
                return None
            wait: Future[None] = Future()
            self._waits.append(wait)
            return wait

    def _end(self) -> None:
        with self._lock:
            if self._waits:
                self._waits.popleft().set_result(None)
            else:
                self._free += 1
                self._ended = time.monotonic()

    def _leave(self, wait: Future[None], refusal: Refusal | None = None) -> bool:
        """Takes a request out of the queue; False if it has left it already."""
        with self._lock:
            if wait not in self._waits:
                return False
            self._waits.remove(wait)
        if refusal is not None:
            wait.set_exception(refusal)
        return True


def _seconds(deadline: float) -> float | None:
    seconds = max(0.0, deadline - time.monotonic())
    return None if seconds > threading.TIMEOUT_MAX else seconds


def _gone() -> Refusal:
    return Refusal(grpc.StatusCode.CANCELLED, "the client has cancelled the call")
