"""Admission: in order, bounded, given back by whoever goes."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from contextlib import ExitStack

import grpc
import pytest

from serving.server.admission import Admission
from serving.server.refusal import Refusal


class Caller:
    """What gRPC's context has of it."""

    def __init__(self):
        self.active, self.callback = True, None

    def is_active(self):
        return self.active

    def add_callback(self, callback):
        self.callback = callback
        return self.active

    def go(self):
        self.active = False
        if self.callback is not None:
            self.callback()


class Waiting:
    """A call in a thread of its own that computes until it is told to end."""

    def __init__(self, admission, log, name, seconds=math.inf):
        self.caller, self.refusal = Caller(), None
        self._admission, self._log, self._name = admission, log, name
        self._deadline = time.monotonic() + seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        before = admission.waiting
        self._thread.start()
        while admission.waiting == before and self._thread.is_alive():
            threading.Event().wait(0.001)

    def _run(self):
        try:
            with self._admission.admit(self.caller, self._deadline):
                self._log.append(self._name)
                assert self._end.wait(30)
        except Refusal as refusal:
            self.refusal = refusal

    def join(self):
        self._end.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


def fill(admission, count):
    """Takes so many places without a wait; closed, it gives them back."""
    stack = ExitStack()
    for _ in range(count):
        stack.enter_context(admission.admit(Caller(), 0.0))
    return stack


def test_calls_compute_in_the_order_in_which_they_came():
    admission, log = Admission(1, 10), []
    with fill(admission, 1):
        calls = [Waiting(admission, log, name) for name in range(5)]
    for call in calls:
        call.join()
    assert log == [0, 1, 2, 3, 4]


def test_more_than_may_wait_are_refused():
    admission, log = Admission(2, 1), []
    with fill(admission, 2):
        waiting = Waiting(admission, log, "waiting")
        for enter in (admission.check, lambda: fill(admission, 1)):
            with pytest.raises(Refusal, match="at most 1 waiting requests") as caught:
                enter()
            assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    waiting.join()
    with fill(admission, 2), pytest.raises(Refusal):
        fill(admission, 1)


@pytest.mark.parametrize("how", ["late", "gone", "gone before it waits"])
def test_whoever_goes_leaves_its_place_to_the_next(how):
    admission, log = Admission(1, 1), []
    with fill(admission, 1):
        if how == "gone before it waits":
            caller = Caller()
            caller.go()
            with pytest.raises(Refusal) as caught, admission.admit(caller):
                pass
            refusal = caught.value
        else:
            first = Waiting(admission, log, "first", 0.05 if how == "late" else 30.0)
            if how == "gone":
                first.caller.go()
            first.join()
            refusal = first.refusal
        expected = "DEADLINE_EXCEEDED" if how == "late" else "CANCELLED"
        assert refusal.code.name == expected
        second = Waiting(admission, log, "second")
    second.join()
    assert log == ["second"]
    assert not admission.waiting


def test_a_client_that_goes_once_it_is_admitted_changes_nothing():
    admission, log = Admission(1, 2), []
    with fill(admission, 1):
        call = Waiting(admission, log, "call")
    while not log:
        threading.Event().wait(0.001)
    call.caller.go()
    with pytest.raises(Refusal):
        fill(admission, 1)
    call.join()
    fill(admission, 1).close()


def test_requests_on_an_event_loop_wait_in_the_same_order():
    async def run():
        admission, log = Admission(1, 10), []

        async def call(name):
            async with admission.admit_on_loop(time.monotonic() + 30):
                log.append(name)

        with fill(admission, 1):
            tasks = [asyncio.create_task(call(name)) for name in range(5)]
            while admission.waiting < 5:
                await asyncio.sleep(0)
            assert not log
        await asyncio.gather(*tasks)
        assert log == [0, 1, 2, 3, 4]
        fill(admission, 1).close()

    asyncio.run(run())


@pytest.mark.parametrize("how", ["late", "cancelled"])
def test_whoever_goes_on_an_event_loop_leaves_its_place(how):
    async def run():
        admission = Admission(1, 1)

        async def call(seconds):
            async with admission.admit_on_loop(time.monotonic() + seconds):
                return "computed"

        with fill(admission, 1):
            first = asyncio.create_task(call(0.05 if how == "late" else 30.0))
            while not admission.waiting:
                await asyncio.sleep(0)
            with pytest.raises(Refusal, match="RESOURCE_EXHAUSTED"):
                await call(30.0)
            if how == "cancelled":
                first.cancel()
            (outcome,) = await asyncio.gather(first, return_exceptions=True)
            kind = Refusal if how == "late" else asyncio.CancelledError
            assert isinstance(outcome, kind)
            assert not admission.waiting
            second = asyncio.create_task(call(30.0))
            while not admission.waiting:
                await asyncio.sleep(0)
        assert await second == "computed"
        fill(admission, 1).close()

    asyncio.run(run())


def test_nothing_is_lost_under_contention():
    """As many places at the end as at the beginning, whoever came late or went."""
    admission, inside, most = Admission(3, 1000), [], []

    def call(row):
        for index in range(50):
            caller = Caller()
            if (row + index) % 7 == 0:
                caller.go()
            seconds = 0.0005 if index % 5 == 0 else 30.0
            try:
                with admission.admit(caller, time.monotonic() + seconds):
                    inside.append(row)
                    most.append(len(inside))
                    inside.remove(row)
            except Refusal:
                continue

    threads = [threading.Thread(target=call, args=(row,)) for row in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert max(most) <= 3
    assert not admission.waiting
    with fill(admission, 3), pytest.raises(Refusal):
        fill(admission, 1)
