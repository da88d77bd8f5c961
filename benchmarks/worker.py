"""Runs one variant in a process of its own and answers commands, a JSON line each.

In: `{"do": "check" | "run" | "memory" | "stop", "case": ..., "calls": n}`. Out: a
line for every command, and one before the first when the variant stands. Errors are a
line too: `{"error": ...}`.
"""

import argparse
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import problem, variants

# ONNX Runtime's threads were seen to spin for 30 ms after a run.
SETTLING_SECONDS = 0.05


def timed(call: Callable[[str], Any], case: str, calls: int) -> dict[str, Any]:
    """Calls that do not count, then `calls` that do."""
    before = time.process_time()
    # The first finds caches as another variant left them, and for a while longer
    # another's threads wait spinning.
    settled = time.perf_counter() + SETTLING_SECONDS
    call(case)
    while time.perf_counter() < settled:
        call(case)
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        call(case)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "cpu_seconds": time.process_time() - before}


def answer(workload: variants.Workload, command: dict[str, Any]) -> dict[str, Any]:
    """The reply to one command."""
    if command["do"] == "check":
        outputs = workload.check(command["case"])
        return {"outputs": {name: value.tolist() for name, value in outputs.items()}}
    if command["do"] == "run":
        return timed(workload.call, command["case"], command["calls"])
    if command["do"] == "memory":
        before = peak_mb()
        workload.call(command["case"])
        return {"grown_mb": peak_mb() - before}
    return {"peak_mb": peak_mb()}


def peak_mb() -> int:
    """The most memory that this process has had."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kilobytes / 1024)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    tasks = ("train_step", "generate", "lstm_layer", "attention")
    parser.add_argument("task", choices=tasks)
    parser.add_argument("variant", choices=variants.NAMES)
    parser.add_argument("problem", type=Path)
    parser.add_argument("setting", type=json.loads)
    arguments = parser.parse_args()
    # Frameworks print; replies must not meet that.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")

    try:
        weights, cases = problem.load(arguments.problem)
        setting = variants.Setting(**arguments.setting)
        workload = variants.make(
            arguments.task, arguments.variant, weights, cases, setting
        )
        reply({"versions": workload.versions, "threads": workload.threads})
        for line in sys.stdin:
            command = json.loads(line)
            reply(answer(workload, command))
            if command["do"] == "stop":
                break
    except Exception as error:
        traceback.print_exc()
        reply({"error": f"{type(error).__name__}: {error}"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
