"""Runner whose runs are merged with those of other callers."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from serving.server.batching.merging import joined, rows_of
from serving.server.batching.scheduler import Scheduler, expired
from serving.server.refusal import late
from serving.server.versions.servable import Arrays, Feeds, Runner


class BatchingRunner:
    """Computes several callers' requests in one run.

    Every row gets the result that it would get alone, as long as the graph computes
    rows independently of each other. Dimensions of outputs beyond the first are those
    of the whole batch.
    """

    def __init__(self, runner: Runner, scheduler: Scheduler):
        self._runner = runner
        self._scheduler = scheduler

    def run(self, feeds: Feeds, fetches: Sequence[str], timeout_ms: int = 0) -> Arrays:
        """See :meth:`SavedModelSession.run`; every array is ``[rows, ...]``."""
        rows = rows_of(feeds)
        if rows == 0:  # nothing to share, and nothing to repeat for padding
            return self._runner.run(feeds, fetches, timeout_ms)
        deadline = time.monotonic() + timeout_ms / 1000 if timeout_ms else math.inf
        names = tuple(sorted(set(fetches)))
        tasks = self._scheduler.put(self._runner, feeds, names, rows, deadline)
        for task in tasks:
            seconds = max(0.0, deadline - time.monotonic())
            if not task.done.acquire(timeout=-1 if seconds == math.inf else seconds):
                raise expired() if self._scheduler.give_up(tasks) else late()
            if task.error is not None:
                self._scheduler.give_up(tasks)
                raise task.error
        answers = [task.outputs or [] for task in tasks]
        values = answers[0] if len(answers) == 1 else joined(answers)
        by_name = dict(zip(names, values, strict=True))
        return [by_name[name] for name in fetches]
