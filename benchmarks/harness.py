"""Starts workers, compares what they compute, and interleaves their runs."""

import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np

from benchmarks import peers, problem, variants
from benchmarks.machine import BusyTime
from benchmarks.variants import Setting, backend

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 1e-4
WAIT_SECONDS = 900.0


class BenchmarkError(Exception):
    """A variant failed, or computes something else."""


class Measured(NamedTuple):
    """What one comparison gave.

    Attributes:
        seconds: By case and variant, of every timed call.
        difference: By variant, the largest relative difference from the first.
        versions: Of the frameworks.
        threads: By variant.
        peak_mb: By variant, of the whole process.
        others_share: Share of the processors' time that went to other processes.
    """

    seconds: dict[str, dict[str, list[float]]]
    difference: dict[str, float]
    versions: dict[str, str]
    threads: dict[str, dict[str, int]]
    peak_mb: dict[str, int]
    others_share: float


class Worker:
    """One variant in a process of its own."""

    def __init__(self, task: str, name: str, stored: Path, setting: Setting) -> None:
        self.name, _, checkout = name.partition(":")
        # Another checkout's `ours` is imported from there, whatever is installed.
        root = checkout or str(ROOT)
        variant = "ours" if checkout else name
        self._log = tempfile.TemporaryFile()
        environment = os.environ | {
            "OMP_NUM_THREADS": str(setting.threads),
            "KERAS_BACKEND": backend(variant),
            "PYTHONPATH": root,
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
            # All variants on the processor: one may see a GPU that others do not.
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        python = peers.python(variants.ENVIRONMENTS.get(variant))
        command = [python, "-m", "benchmarks.worker", task, variant]
        self._process = subprocess.Popen(
            [*command, str(stored), json.dumps(setting._asdict())],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )
        self._commands = cast(IO[bytes], self._process.stdin)
        self._replies = cast(IO[bytes], self._process.stdout)
        self._received = b""
        self.about: dict[str, Any] = {}

    def wait_until_ready(self) -> None:
        """Wait for the variant to stand, and keep what it says about itself."""
        self.about = self._reply()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its reply."""
        line = json.dumps({"do": do} | arguments) + "\n"
        try:
            self._commands.write(line.encode())
        except BrokenPipeError:
            raise BenchmarkError(self._failure("ended")) from None
        return self._reply()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._commands.close()
        self._replies.close()
        self._log.close()

    def _reply(self) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_SECONDS
        pipe = self._replies
        while b"\n" not in self._received:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([pipe], [], [], left)[0]:
                raise BenchmarkError(
                    self._failure(f"gave no answer in {WAIT_SECONDS:.0f} s")
                )
            part = os.read(pipe.fileno(), 1 << 16)
            if not part:
                raise BenchmarkError(self._failure("ended"))
            self._received += part
        line, self._received = self._received.split(b"\n", 1)
        reply = json.loads(line)
        if "error" in reply:
            raise BenchmarkError(self._failure(f"failed: {reply['error']}"))
        return reply

    def _failure(self, what: str) -> str:
        self._log.seek(0)
        tail = self._log.read().decode(errors="replace").splitlines()[-15:]
        return "\n".join([f"Variant {self.name} {what}. Its last lines:", *tail])


def relative_difference(name: str, value: Any, expected: Any) -> float:
    """Largest relative difference of two outputs; integers must be equal.

    Raises:
        BenchmarkError: Shapes differ, integers differ, or the difference is above
            `TOLERANCE`.
    """
    value, expected = np.asarray(value), np.asarray(expected)
    if value.shape != expected.shape:
        raise BenchmarkError(
            f"{name}: expected shape {expected.shape}. Received: {value.shape}"
        )
    if expected.dtype.kind in "iu":
        rows = np.flatnonzero(np.any(np.atleast_2d(value != expected), axis=-1))
        if len(rows):
            raise BenchmarkError(f"{name}: {len(rows)} rows differ, first {rows[0]}")
        return 0.0
    scale = np.maximum(np.abs(expected), 1e-12)
    difference = float(np.max(np.abs(value - expected) / scale))
    if not difference <= TOLERANCE:
        raise BenchmarkError(
            f"{name}: expected {expected} within {TOLERANCE:g} relative. "
            f"Received: {value}, {difference:.2g} apart"
        )
    return difference


def check_equal(workers: Sequence[Worker], cases: Sequence[str]) -> dict[str, float]:
    """Compare every variant's outputs with the first one's.

    Returns:
        The largest relative difference of each.
    """
    first, *others = workers
    largest = {worker.name: 0.0 for worker in others}
    for case in cases:
        expected = first.ask("check", case=case)["outputs"]
        for worker in others:
            outputs = worker.ask("check", case=case)["outputs"]
            if set(outputs) != set(expected):
                raise BenchmarkError(
                    f"{worker.name} and {first.name} give different outputs: "
                    f"{sorted(set(outputs) ^ set(expected))}"
                )
            for name, value in outputs.items():
                what = f"{worker.name} against {first.name}, {case}, {name}"
                difference = relative_difference(what, value, expected[name])
                largest[worker.name] = max(largest[worker.name], difference)
    return largest


def interleave(
    workers: Sequence[Worker], cases: Sequence[str], rounds: int, calls: int
) -> tuple[dict[str, dict[str, list[float]]], float]:
    """Rounds of A B C, B C A, ...: seconds of each call, CPU seconds in all."""
    seconds: dict[str, dict[str, list[float]]] = {
        case: {worker.name: [] for worker in workers} for case in cases
    }
    cpu_seconds = 0.0
    for number in range(rounds):
        # Whoever always came first would always meet the coolest processor.
        turn = number % len(workers)
        for case in cases:
            for worker in [*workers[turn:], *workers[:turn]]:
                reply = worker.ask("run", case=case, calls=calls)
                seconds[case][worker.name] += reply["seconds"]
                cpu_seconds += reply["cpu_seconds"]
    return seconds, cpu_seconds


@contextlib.contextmanager
def running(
    task: str, names: Sequence[str], stored: Path, setting: Setting
) -> Iterator[list[Worker]]:
    """Workers for the named variants, ended at the end."""
    with contextlib.ExitStack() as stack:
        workers = []
        for name in names:
            worker = Worker(task, name, stored, setting)
            stack.callback(worker.close)
            workers.append(worker)
        for worker in workers:
            worker.wait_until_ready()
        yield workers


def compare(
    task: str,
    names: Sequence[str],
    weights: problem.Arrays,
    cases: dict[str, problem.Arrays],
    setting: Setting,
    rounds: int,
    calls: int,
) -> Measured:
    """Run the named variants side by side.

    Args:
        task: `"train_step"` or `"generate"`.
        names: Variants; the first is the one others are compared with.
        weights: As `problem.weights` makes them.
        cases: Data by case.
        setting: The same for all.
        rounds: Times that every variant has its turn.
        calls: Timed calls a turn.

    Raises:
        BenchmarkError: A variant failed, or its outputs differ.
    """
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "problem.npz"
        problem.save(stored, weights, cases)
        with running(task, names, stored, setting) as workers:
            models = [worker for worker in workers if worker.name != "gemm"]
            difference = check_equal(models, list(cases))
            busy = BusyTime()
            seconds, cpu_seconds = interleave(workers, list(cases), rounds, calls)
            others = busy.share_of_others(cpu_seconds)
            versions: dict[str, str] = {}
            for worker in workers:
                versions |= worker.about["versions"]
            return Measured(
                seconds=seconds,
                difference=difference,
                versions=versions,
                threads={worker.name: worker.about["threads"] for worker in workers},
                peak_mb={w.name: w.ask("stop")["peak_mb"] for w in workers},
                others_share=others,
            )
