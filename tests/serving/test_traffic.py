"""The command ``load``: what is due when, what counts as latency, and the figures."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import threading
import time

import numpy as np
import pytest

import serving
from serving.client.traffic import (
    UNSENT,
    Outcome,
    Traffic,
    generate,
    percentile,
    report,
)
from serving.errors import Overloaded
from serving.server import Server, ServerOptions


def test_requests_are_due_at_the_rate():
    assert list(Traffic(seconds=0.5, rate=10).due()) == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4]
    )
    assert len(list(Traffic(seconds=10, rate=100).due())) == 1000
    assert Traffic().due() is None


def test_random_arrivals_have_the_rate_and_can_be_repeated():
    traffic = Traffic(seconds=100, rate=50, random_arrivals=True, seed=3)
    due = np.array(list(traffic.due()))
    assert due.tolist() == list(traffic.due())
    pauses = np.diff(due)
    # Exponential: the standard deviation is the mean. 5,000 pauses: 6 % is 4 sigma.
    np.testing.assert_allclose([pauses.mean(), pauses.std()], 1 / 50, rtol=0.06)


def test_percentiles_are_those_of_numpy():
    values = sorted(np.random.default_rng(0).normal(size=1001).tolist())
    for percent in (0, 50, 99, 99.9, 100):
        expected = np.percentile(values, percent, method="inverted_cdf")
        assert percentile(values, percent) == expected


def test_latency_counts_from_when_a_request_was_due():
    """One caller, and the first answer takes 0.2 s: the next ones were due before."""

    async def run():
        first = True

        async def ask():
            nonlocal first
            if first:
                first = False
                await asyncio.sleep(0.2)

        return await generate(Traffic(seconds=0.1, rate=50, callers=1), ask)

    outcomes, elapsed = asyncio.run(run())
    assert [item.code for item in outcomes] == ["OK"] * 5
    assert elapsed >= 0.2
    for number, item in enumerate(outcomes):
        waited = 0.2 - 0.02 * number
        assert item.seconds >= waited - 1e-3
        assert item.late_seconds >= (waited - 1e-3 if number else 0)


def test_errors_are_counted_and_what_is_too_late_is_not_sent():
    async def run():
        asked = 0

        async def ask():
            nonlocal asked
            asked += 1
            if asked == 1:
                await asyncio.sleep(0.2)
                return
            raise Overloaded("no", "RESOURCE_EXHAUSTED")

        traffic = Traffic(seconds=0.1, rate=50, callers=1, patience_seconds=0)
        late = await generate(traffic, ask)
        asked = 0
        traffic = dataclasses.replace(traffic, patience_seconds=9)
        return late, await generate(traffic, ask)

    (late, _), (patient, _) = asyncio.run(run())
    assert [item.code for item in late] == ["OK"] + [UNSENT] * 4
    assert [item.code for item in patient] == ["OK"] + ["RESOURCE_EXHAUSTED"] * 4


def test_callers_without_a_rate_ask_again_at_once():
    async def run():
        flying = most = 0

        async def ask():
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.01)
            flying -= 1

        outcomes, elapsed = await generate(Traffic(seconds=0.1, callers=3), ask)
        return most, len(outcomes), elapsed

    most, count, elapsed = asyncio.run(run())
    assert most == 3
    assert 3 <= count <= 3 * (elapsed / 0.01 + 1)


def test_figures():
    outcomes = [Outcome("OK", 0.001 * n, 0.0) for n in range(1, 101)]
    outcomes += [Outcome("UNAVAILABLE", 9.0, 0.5), Outcome(UNSENT, 9.0, 9.0)]
    found = report(Traffic(seconds=2, rate=51), outcomes, 4.0)
    assert found["requests"] == 102 and found["answered"] == 100
    assert found["errors"] == {"UNAVAILABLE": 1, UNSENT: 1}
    assert (found["rate_wanted"], found["rate_answered"]) == (51, 25.0)
    milliseconds = found["milliseconds"]
    assert milliseconds["p50"] == pytest.approx(50)
    assert milliseconds["p99.9"] == milliseconds["max"] == pytest.approx(100)
    assert milliseconds["mean"] == pytest.approx(50.5)
    assert found["late"]["max"] == 500
    assert report(Traffic(seconds=2), [], 4.0)["milliseconds"] is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"seconds": 0}, "`seconds` must be finite. Expected: more than 0"),
        ({"rate": -1.0}, "`rate` must be finite. Expected: more than 0"),
        ({"callers": 0}, "`callers` must be a count. Expected: at least 1"),
        ({"random_arrivals": True}, "`random_arrivals` needs a rate"),
    ],
)
def test_traffic_that_makes_no_sense(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Traffic(**arguments)


def test_a_server_under_load(target, cli, tmp_path):
    ask = ("load", f"--server={target}", "--duration=1", "--rate=40")
    file = tmp_path / "figures.json"
    flags = ("--batch=3", "--connections=2", "--random", f"--json={file}")
    status, out, errors = cli(*ask, "--model=upper", *flags, stdin="a\nb\n")
    assert (status, errors) == (0, "")
    found = json.loads(file.read_text())
    assert out.startswith(f"{found['requests']} requests in ")
    assert found["answered"] == found["requests"] > 10 and found["errors"] == {}
    spread = list(found["milliseconds"].values())[1:]
    assert spread == sorted(spread) and spread[0] > 0

    inputs = ("--inputs", '{"x": [1, 2]}', "--signature=total", "--json=-")
    status, out, _ = cli(*ask, "--model=numbers", *inputs)
    assert status == 0 and json.loads(out)["answered"] == 40


def test_a_server_that_refuses(toys, tmp_path, cli):
    """One thread, held by another's call, and a place for one more."""
    options = ServerOptions(
        host="127.0.0.1", port=0, threads=1, queued=1, poll_seconds=0
    )

    def inputs(*names):
        return {
            name: [str(tmp_path / file)]
            for name, file in zip(("text", "started", "go"), names, strict=True)
        }

    ask = inputs("text", "started", "go")
    words = ("--inputs", json.dumps(ask), "--rate=50", "--duration=2", "--json=-")
    (tmp_path / "go").touch()  # the calls of the load pass
    with Server({"gate": toys / "gate"}, options) as server:
        target = f"127.0.0.1:{server.port}"
        over = threading.Event()

        def hold():
            while not (tmp_path / "started").exists():  # until the load is there
                if over.wait(0.001):
                    return
            with serving.Client(target, model="gate") as client:
                while not over.is_set():
                    with contextlib.suppress(Overloaded):
                        client.call(inputs("held", "held_started", "release"))
                        return

        def release():
            while not (tmp_path / "held_started").exists():
                if over.wait(0.001):
                    break
            over.wait(1.5)
            (tmp_path / "release").touch()

        threads = [threading.Thread(target=hold), threading.Thread(target=release)]
        for thread in threads:
            thread.start()
        status, out, _ = cli("load", f"--server={target}", "--model=gate", *words)
        over.set()
        for thread in threads:
            thread.join()
    found = json.loads(out)
    assert status == 0
    assert found["errors"]["RESOURCE_EXHAUSTED"] > 10
    assert found["milliseconds"]["max"] > 500


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--rate=0"], "`rate` must be finite. Expected: more than 0"),
        (["--connections=0"], "--connections must be a count. Expected: at least 1"),
        (["--inputs=[1]"], "Expected: a JSON object"),
        ([], "text must be there. Expected: at least one"),
        (["--duration=nan", "a"], "`seconds` must be finite. Expected: more than 0"),
    ],
)
def test_wrong_arguments_are_one_line(cli, flags, words):
    status, out, errors = cli("load", "--model=m", *flags)
    assert (status, out, errors.count("\n")) == (1, "", 1)
    assert words in errors


def test_nobody_there_ends_after_the_timeout(cli):
    started = time.monotonic()
    words = ("--server=127.0.0.1:1", "--model=m", "--timeout=0.5", "a")
    status, _, errors = cli("load", *words)
    assert status == 1 and "no server answers at 127.0.0.1:1" in errors
    assert time.monotonic() - started < 20
