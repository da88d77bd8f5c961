"""Threads with a bounded queue, for an event loop to hand work to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

import grpc

from serving.server.refusal import Refusal

_Result = TypeVar("_Result")


class Lane:
    """Some threads, and a queue in front of them; used from the event loop only.

    Args:
        threads: How much is done at once.
        queued: How much more may wait.
        name: Of the threads.
    """

    def __init__(self, threads: int, queued: int, name: str):
        self._limit = threads + queued
        self._queued = queued
        self._pool = futures.ThreadPoolExecutor(threads, name)
        self._inside = 0

    def check(self) -> None:
        """Raises Refusal if nothing more is taken."""
        if self._inside >= self._limit:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"expected at most {self._queued} waiting requests",
            )

    async def run(
        self, function: Callable[..., _Result], *arguments: object
    ) -> _Result:
        """What a function returns that one of the threads calls.

        Raises:
            Refusal: Too much is waiting.
        """
        self.check()
        self._inside += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, function, *arguments)
        finally:
            self._inside -= 1

    def close(self, wait: bool) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=wait, cancel_futures=True)
