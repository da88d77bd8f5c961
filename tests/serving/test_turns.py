"""Turns: in order, bounded, given back by whoever goes."""

from __future__ import annotations

import threading

import grpc
import pytest

from serving.server.admission import Turns
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
    """A call in a thread of its own, up to its turn."""

    def __init__(self, turns, log, name, seconds=30.0):
        self.caller, self.refusal = Caller(), None
        self._turns, self._log, self._name = turns, log, name
        self._seconds = seconds
        self._thread = threading.Thread(target=self._run)
        before = len(turns._waits)
        self._thread.start()
        while len(turns._waits) == before and self._thread.is_alive():
            threading.Event().wait(0.001)

    def _run(self):
        try:
            self._turns.begin(self.caller, self._seconds)
            self._log.append(self._name)
        except Refusal as refusal:
            self.refusal = refusal

    def join(self):
        self._thread.join(30)
        assert not self._thread.is_alive()


def test_calls_compute_in_the_order_in_which_they_came():
    turns, log = Turns(1, 10), []
    turns.begin(Caller())
    calls = [Waiting(turns, log, name) for name in range(5)]
    for call in calls:
        turns.end()
        call.join()
    assert log == [0, 1, 2, 3, 4]


def test_more_than_may_wait_are_refused():
    turns, log = Turns(2, 1), []
    turns.begin(Caller())
    turns.begin(Caller())
    waiting = Waiting(turns, log, "waiting")
    with pytest.raises(Refusal, match="at most 1 waiting requests") as caught:
        turns.begin(Caller())
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    turns.end()
    waiting.join()
    turns.end()
    turns.end()
    for _ in range(2):
        turns.begin(Caller(), 0.0)
    with pytest.raises(Refusal):
        turns.begin(Caller(), 0.0)


@pytest.mark.parametrize("how", ["late", "gone", "gone before it waits"])
def test_whoever_goes_leaves_its_place_to_the_next(how):
    turns, log = Turns(1, 1), []
    turns.begin(Caller())
    if how == "gone before it waits":
        caller = Caller()
        caller.go()
        with pytest.raises(Refusal) as caught:
            turns.begin(caller)
        refusal = caught.value
    else:
        first = Waiting(turns, log, "first", 0.05 if how == "late" else 30.0)
        if how == "gone":
            first.caller.go()
        first.join()
        refusal = first.refusal
    expected = "DEADLINE_EXCEEDED" if how == "late" else "CANCELLED"
    assert refusal.code.name == expected
    second = Waiting(turns, log, "second")
    turns.end()
    second.join()
    assert log == ["second"]
    assert not turns._waits


def test_a_client_that_goes_after_its_turn_came_changes_nothing():
    turns, log = Turns(1, 2), []
    turns.begin(Caller())
    call = Waiting(turns, log, "call")
    turns.end()
    call.join()
    call.caller.go()
    with pytest.raises(Refusal):
        turns.begin(Caller(), 0.0)
    turns.end()
    turns.begin(Caller(), 0.0)


def test_nothing_is_lost_under_contention():
    """As many turns at the end as at the beginning, whoever came late or went."""
    turns, inside, most = Turns(3, 1000), [], []

    def call(row):
        for index in range(50):
            caller = Caller()
            if (row + index) % 7 == 0:
                caller.go()
            seconds = 0.0005 if index % 5 == 0 else 30.0
            try:
                turns.begin(caller, seconds)
            except Refusal:
                continue
            inside.append(row)
            most.append(len(inside))
            inside.remove(row)
            turns.end()

    threads = [threading.Thread(target=call, args=(row,)) for row in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert max(most) <= 3
    assert (turns._free, len(turns._waits)) == (3, 0)
