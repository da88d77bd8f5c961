"""Metrics of loads, warm-ups and batches: what happened, and no more."""

from __future__ import annotations

import dataclasses
import re
import shutil
import time
from pathlib import Path

import pytest

import serving
from serving.server import BatchingOptions, RestOptions, Server
from serving.server.batching import Scheduler
from serving.server.observability import metrics
from serving.server.observability.events import Loaded, Ran, Taken, WarmedUp
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.loading import SavedModelLoader
from serving.server.versions.warmup import REQUESTS
from tests.serving.batching_calls import Room
from tests.serving.conftest import LOOPBACK
from tests.serving.test_metrics import LABEL, PATH
from tests.serving.test_warmup import predict_log, write
from tests.serving.web import ask

SAMPLE = re.compile(r"^(:tensorflow:[\w:]+)(?:{(.*)})? (\S+)$", re.MULTILINE)


@pytest.fixture
def version(toys, tmp_path):
    """Copies version 1 of ``upper``, to be changed."""

    def make(number=1):
        return shutil.copytree(toys / "upper" / "1", tmp_path / "upper" / str(number))

    return make


def test_the_page_says_what_happened(version):
    path = version()
    write(path / REQUESTS, [predict_log("a"), predict_log("b", "c")])
    options = dataclasses.replace(
        LOOPBACK,
        rest=RestOptions(port=0, metrics_path=PATH),
        batching=BatchingOptions(threads=1),
    )
    began = time.perf_counter()
    with Server({"upper": path.parent}, options) as server:
        with serving.Client(f"127.0.0.1:{server.port}", model="upper") as client:
            for _ in range(3):
                client.predict(["x", "y"])
        text = ask(server.rest_port, "GET", PATH).body.decode()
    micros = 1e6 * (time.perf_counter() - began)
    for name, kind in {
        metrics.ATTEMPTS: "counter",
        metrics.LOAD: "counter",
        metrics.WARM_UP: "histogram",
        metrics.QUEUE: "histogram",
        metrics.RUNS: "counter",
    }.items():
        assert f"# TYPE {name} {kind}\n" in text
    found = {
        (name, *sorted(LABEL.findall(labels))): float(value)
        for name, labels, value in SAMPLE.findall(text)
    }
    place, pool = ("model_path", str(path)), ("thread_pool_name", "")
    assert found[metrics.ATTEMPTS, place, ("status", "success")] == 1
    assert found[f"{metrics.WARM_UP}_count", place, ("status", "OK")] == 1
    # Warm-up requests go through the queue too.
    assert found[f"{metrics.QUEUE}_count", pool] == found[(metrics.RUNS,)] == 2 + 3
    for key in (
        (metrics.LOAD, place),
        (f"{metrics.WARM_UP}_sum", place, ("status", "OK")),
        (f"{metrics.QUEUE}_sum", pool),
    ):
        assert 0 < found[key] < micros
    bounds = [
        dict(key[1:])["le"] for key in found if key[0] == f"{metrics.QUEUE}_bucket"
    ]
    assert bounds[:3] == ["100", "120", "144"] and len(bounds) == 53


def test_loads_and_warm_ups_that_fail(version):
    events = []
    load = SavedModelLoader(tell=events.append)
    (version(1) / "saved_model.pb").write_bytes(b"nothing of the kind")
    write(version(2) / REQUESTS, [predict_log("a", signature="nope")])
    version(3)
    base = version(4).parent
    for number in (1, 2):
        with pytest.raises(Refusal):
            load("upper", number, base / str(number))
    load("upper", 3, base / "3")
    told = [dataclasses.replace(event, seconds=0) for event in events]
    assert told == [
        Loaded(base / "1", 0, worked=False),
        Loaded(base / "2", 0, worked=True),
        WarmedUp(base / "2", 0, "FAILED_PRECONDITION"),
        Loaded(base / "3", 0, worked=True),
    ]
    assert all(event.seconds > 0 for event in events)


def test_batches_tell_of_each_task_and_of_each_run(toys):
    events = []
    scheduler = Scheduler(BatchingOptions(threads=1), events.append)
    began = time.monotonic()
    room = Room(scheduler, SavedModelSession(toys / "upper" / "1"))
    calls = [room.call("a"), room.call("b", "c"), room.call("d")]
    room.open()
    for call in (room.first, *calls):
        assert call.join().error is None
    scheduler.close()
    seconds = time.monotonic() - began
    first, alone, second, together = events
    assert alone == together == Ran()
    assert [len(event.waits) for event in (first, second)] == [1, 3]
    assert list(second.waits) == sorted(second.waits, reverse=True)
    assert all(0 < wait < seconds for wait in first.waits + second.waits)


def test_versions_that_came_and_went_take_no_memory():
    counts = metrics.Metrics()
    for number in range(3 * metrics.MOST_PATHS):
        path = Path("/models/m", str(number))
        counts.observe_event(Loaded(Path("/models/m/kept"), 0.5, worked=True))
        counts.observe_event(Loaded(path, 1.0, worked=number % 2 == 0))
        counts.observe_event(WarmedUp(path, 1.0, "OK"))
    counts.observe_event(Taken((0.1,)))
    found = {
        (name, dict(LABEL.findall(labels)).get("model_path")): float(value)
        for name, labels, value in SAMPLE.findall(counts.page())
    }

    def paths(name):
        return {path for other, path in found if other == name}

    last = range(2 * metrics.MOST_PATHS + 1, 3 * metrics.MOST_PATHS)
    kept = {f"/models/m/{number}" for number in last}
    loads = paths(metrics.LOAD)
    assert paths(metrics.ATTEMPTS) == loads == kept | {"/models/m/kept"}
    assert paths(f"{metrics.WARM_UP}_count") == kept
    assert found[metrics.LOAD, "/models/m/kept"] == 3 * metrics.MOST_PATHS * 0.5e6
