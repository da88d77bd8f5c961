"""Scheduler of batches: threads that take them from queues and compute them."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque

import grpc

from serving.server.batching.merging import check_outputs, merged
from serving.server.batching.parameters import BatchingOptions
from serving.server.batching.queue import Batch, Queue, Task
from serving.server.observability.events import Listener, Ran, Taken, ignore
from serving.server.refusal import Refusal, unavailable
from serving.server.versions.servable import Arrays, Feeds, Runner

_LOG = logging.getLogger(__name__)

# Not the fault of one of the requests: computing them one by one would not help.
_OF_THE_SERVER = {
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNAVAILABLE,
}


def expired() -> Refusal:
    return Refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Run() timeout exceeded while waiting in batching queue",
    )


class Scheduler:
    """Computes what several runners are asked, in batches.

    Queues take turns. A batch that fails is computed again in halves, and these in
    halves, so that a bad request fails alone and at a cost that stays bounded.

    Args:
        options: How requests are merged.
        tell: Is told of batches.
    """

    def __init__(self, options: BatchingOptions, tell: Listener = ignore):
        self.options = options
        self._tell = tell
        self._changed = threading.Condition()
        self._queues: dict[tuple, Queue] = {}  # those with something in them
        self._turns: deque[tuple] = deque()
        self._closing = False
        self._threads: list[threading.Thread] = []

    def put(
        self,
        runner: Runner,
        feeds: Feeds,
        fetches: tuple[str, ...],
        rows: int,
        deadline: float,
    ) -> list[Task]:
        """Queues a request; returns what to wait for: it as a whole, or in pieces."""
        names = tuple(sorted(feeds))
        key = (id(runner), names, fetches)
        now = time.monotonic()
        task = Task(feeds, rows, deadline, now)
        with self._changed:
            if self._closing:
                raise unavailable("the server shuts down")
            while len(self._threads) < self.options.threads:
                thread = threading.Thread(target=self._work, name="batch", daemon=True)
                self._threads.append(thread)
                thread.start()
            queue = self._queues.get(key)
            if queue is None:
                queue = Queue(runner, names, fetches, self.options)
            before = len(queue.batches)
            tasks = queue.put(task, now)
            if key not in self._queues:
                self._queues[key] = queue
                self._turns.append(key)
            # A batch that was begun has a time when it is due, a full one is due now.
            begun = len(queue.batches) - before
            if begun or queue.batches[-1].rows >= self.options.rows:
                self._changed.notify(begun or 1)
            return tasks

    def give_up(self, tasks: list[Task]) -> bool:
        """Takes tasks out of their queues; whether any of them still waited."""
        with self._changed:
            queues = self._queues.values()
            dropped = [queue.drop(task) for queue in queues for task in tasks]
            self._forget_empty()
            return any(dropped)

    def close(self, wait: bool = True) -> None:
        """Takes nothing more; the threads end, and if wanted this, once none waits."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads if wait else ():
            thread.join()

    def _work(self) -> None:
        while (found := self._next()) is not None:
            queue, batch = found
            now = time.monotonic()
            self._tell(Taken(tuple(now - task.since for task in batch.tasks)))
            try:
                self._compute(queue, batch.tasks)
            except Exception as error:
                _LOG.exception("a batch failed in the server itself")
                for task in batch.tasks:
                    if task.outputs is None and task.error is None:
                        task.fail(Refusal(grpc.StatusCode.INTERNAL, repr(error)))
            # A session that was replaced is not kept alive by who waits for others.
            del queue, batch, found

    def _next(self) -> tuple[Queue, Batch] | None:
        """Waits for a batch that is due; None at the end."""
        with self._changed:
            while True:
                now = time.monotonic()
                found, due = self._take(now)
                if found is not None or self._closing:
                    if self._queues:
                        self._changed.notify()  # somebody must watch the others
                    return found
                self._changed.wait(None if due == math.inf else due - now)

    def _take(self, now: float) -> tuple[tuple[Queue, Batch] | None, float]:
        """A batch that is due, or else the time at which one will be."""
        soonest = math.inf
        for _ in range(len(self._turns)):
            queue = self._queues[self._turns[0]]
            self._turns.rotate(-1)
            for batch in queue.batches:
                due = queue.due(batch)
                if due <= now or self._closing:
                    queue.batches.remove(batch)
                    self._forget_empty()
                    return (queue, batch), now
                soonest = min(soonest, due)
        return None, soonest

    def _forget_empty(self) -> None:
        for key in [key for key, queue in self._queues.items() if not queue.batches]:
            del self._queues[key]
            self._turns.remove(key)

    def _compute(self, queue: Queue, waiting: list[Task]) -> None:
        now = time.monotonic()
        for task in waiting:
            if task.deadline <= now:
                task.fail(expired())
        tasks = [task for task in waiting if task.deadline > now]
        if not tasks:
            return
        rows = self.options.padded(sum(task.rows for task in tasks))
        try:
            outputs = self._run(queue, tasks, rows)
        except Refusal as refusal:
            if len(tasks) == 1 or refusal.code in _OF_THE_SERVER:
                _fail(tasks, refusal)
            else:
                middle = len(tasks) // 2
                self._compute(queue, tasks[:middle])
                self._compute(queue, tasks[middle:])
            return
        try:
            check_outputs(outputs, rows)
        except Refusal as refusal:
            _fail(tasks, refusal)
            return
        start = 0
        for task in tasks:
            stop = start + task.rows
            task.finish([array[start:stop] for array in outputs])
            start = stop

    def _run(self, queue: Queue, tasks: list[Task], rows: int) -> Arrays:
        latest = max(task.deadline for task in tasks)
        timeout_ms = 0
        if latest < math.inf:
            timeout_ms = max(1, int((latest - time.monotonic()) * 1000))
        feeds = merged([task.feeds for task in tasks], rows)
        self._tell(Ran())
        return queue.runner.run(feeds, queue.fetches, timeout_ms)


def _fail(tasks: list[Task], refusal: Refusal) -> None:
    for task in tasks:  # each its own, since each is raised in another thread
        task.fail(Refusal(refusal.code, refusal.message))
