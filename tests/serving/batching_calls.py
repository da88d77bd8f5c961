"""Calls that are held back, so that they wait together."""

from __future__ import annotations

import threading

import numpy as np

from serving.server.batching import BatchingRunner
from serving.server.refusal import Refusal


def strings(*items):
    array = np.empty(len(items), object)
    array[:] = [item.encode() for item in items]
    return array


def names(session, signature, inputs, outputs):
    found = session.signatures[signature]
    return (
        [found.inputs[name].name for name in inputs],
        [found.outputs[name].name for name in outputs],
    )


class Gated:
    """A session that waits to be let on, and notes how many rows it is fed."""

    def __init__(self, session):
        self.session = session
        self.rows = []
        self.timeouts = []
        self.entered, self.go = threading.Semaphore(0), threading.Event()

    def run(self, feeds, fetches, timeout_ms=0):
        self.rows.append(len(next(iter(feeds.values()))))
        self.timeouts.append(timeout_ms)
        self.entered.release()
        assert self.go.wait(60)
        return self.session.run(feeds, fetches, timeout_ms)


class Call:
    """A run in a thread of its own."""

    def __init__(self, runner, feeds, fetches, timeout_ms=0):
        self.values = self.error = None
        self._given = (runner, feeds, fetches, timeout_ms)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        runner, *given = self._given
        try:
            self.values = runner.run(*given)
        except Refusal as refusal:
            self.error = refusal

    def join(self):
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self


def wait_for(scheduler, rows):
    """Returns once so many rows wait."""
    while True:
        with scheduler._changed:
            queues = scheduler._queues.values()
            if sum(b.rows for queue in queues for b in queue.batches) == rows:
                return
        threading.Event().wait(0.001)


class Room:
    """A batching runner over ``upper`` whose only thread is held in its first run."""

    def __init__(self, scheduler, session):
        self.scheduler, self.gate = scheduler, Gated(session)
        self.runner = BatchingRunner(self.gate, scheduler)
        self.inputs, self.outputs = names(
            session, "serving_default", ["text"], ["text", "log_prob"]
        )
        self.waiting = 0
        self.first = self.call("first", waits=False)
        assert self.gate.entered.acquire(timeout=60)

    def call(self, *texts, timeout_ms=0, waits=True, fetches=None):
        feeds = {self.inputs[0]: strings(*texts)}
        call = Call(self.runner, feeds, fetches or self.outputs, timeout_ms)
        if waits:
            self.waiting += len(texts)
            wait_for(self.scheduler, self.waiting)
        return call

    def open(self):
        self.gate.go.set()
