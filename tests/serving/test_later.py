"""Work in the background makes room for requests, and is done all the same."""

from __future__ import annotations

import math
import threading
import time

import pytest

import serving
from serving.server import Server, ServerOptions
from serving.server.versions.later import Later


class Traffic:
    """Says whether requests are computed, and counts how often it was asked."""

    def __init__(self):
        self.idle = 0.0
        self._asked = threading.Semaphore(0)

    def __call__(self):
        self._asked.release()
        return self.idle

    def wait(self, times):
        assert all(self._asked.acquire(timeout=30) for _ in range(times))


@pytest.fixture
def traffic():
    return Traffic()


@pytest.fixture
def later(traffic):
    later = Later(traffic, quiet=0.01)
    yield later
    later.close()


def test_what_can_wait_is_done_once_requests_leave_room(later, traffic):
    done = threading.Event()
    later.put(done.set)
    later.start()
    traffic.wait(3)
    assert not done.is_set()
    traffic.idle = math.inf
    assert done.wait(30)


def test_steady_traffic_keeps_nothing_waiting_that_is_due(later, traffic):
    done, last = [], threading.Event()
    later.put(lambda: done.append("some time"))
    later.put(last.set, 0.02)
    later.put(lambda: done.append("soon"), 0.01)
    later.start()
    assert last.wait(30)
    traffic.wait(5)
    assert done == ["soon"]


def test_requests_have_half_of_the_time_to_themselves(later):
    times, last = [], threading.Event()

    def work():
        times.append(time.monotonic())
        threading.Event().wait(0.05)
        times.append(time.monotonic())

    later.put(work, 0.0)
    later.put(lambda: times.append(time.monotonic()) or last.set(), 0.0)
    later.start()
    assert last.wait(30)
    began, ended, next_began = times
    assert next_began - ended >= ended - began


def test_what_fails_is_not_the_end(later, traffic, caplog):
    traffic.idle, done = math.inf, threading.Event()
    later.put(lambda: 1 / 0, 0.0)
    later.put(done.set)
    later.start()
    assert done.wait(30)
    assert "work in the background failed" in caplog.text


def test_a_server_knows_whether_requests_are_computed(toys, tmp_path):
    options = ServerOptions(host="127.0.0.1", port=0, poll_seconds=0)
    with Server({"gate": toys / "gate"}, options) as server:
        idle = server._later._idle
        before = idle()
        assert 0 < before < idle()
        inputs = {name: [str(tmp_path / name)] for name in ("text", "started", "go")}
        with serving.Client(f"127.0.0.1:{server.port}", model="gate") as client:
            call = threading.Thread(target=client.call, args=(inputs,))
            call.start()
            pause = threading.Event()
            while not (tmp_path / "started").exists():
                pause.wait(0.01)
            assert idle() == 0.0
            ended = time.monotonic()
            (tmp_path / "go").touch()
            call.join()
        server.stop()
        assert 0 < idle() < time.monotonic() - ended
