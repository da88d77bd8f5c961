"""Additive attention, ours against `keras.layers.AdditiveAttention`.

Score, softmax and context of the same numbers, forward and with the gradients of
everything; then the peak memory of a first call, each in a process of its own, and the
cost over T = S.
"""

import argparse
import datetime
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness, machine, options, problem, report
from benchmarks.variants import ATTENTION, Setting

CASES = {"short": (32, 64, 64, 512), "long": (1, 2000, 2000, 512)}
OURS = ("attention-xla", "attention-graph")
PEERS = ("keras-attention-graph", "keras-attention-xla")


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.additive_attention",
        description=__doc__.split("\n")[0],
    )
    parser.add_argument("--case", choices=CASES, default="short")
    parser.add_argument("--sizes", help="B,T,S,U instead of those of the case")
    parser.add_argument("--lengths", help="T = S, comma-separated, B = 1: the cost")
    parser.add_argument("--variants", help=f"some of {', '.join(ATTENTION)}")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=2, help="in each round")
    parser.add_argument("--threads", type=int, default=machine.usable_cores())
    parser.add_argument("--results", type=Path, default=report.RESULTS / "attention")
    arguments = parser.parse_args(given)
    # The pairs of the long case are beyond what Keras' layer should be asked for.
    default = (*OURS, *PEERS) if arguments.case == "short" else OURS
    names = arguments.variants.split(",") if arguments.variants else default
    if unknown := set(names) - set(ATTENTION):
        parser.error(f"--variants: expected some of {ATTENTION}. Received: {unknown}")
    sizes, name = CASES[arguments.case], arguments.case
    if arguments.sizes:
        sizes, name = tuple(map(int, arguments.sizes.split(","))), "sizes"
    named = [(name, sizes)]
    if arguments.lengths:
        units = sizes[-1]
        lengths = [int(length) for length in arguments.lengths.split(",")]
        named = [(f"T=S={length}", (1, length, length, units)) for length in lengths]
        name = "lengths"
    setting = Setting(arguments.threads)
    before = machine.describe()
    measured = {}
    try:
        for case, case_sizes in named:
            rounds, calls = arguments.rounds, arguments.calls
            measured[case] = measure(names, case_sizes, setting, rounds, calls)
            print(table(case, measured[case]), flush=True)
    except harness.BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    stored = {
        "benchmark": "additive_attention",
        "command": options.command("additive_attention", given),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": before,
        "threads": arguments.threads,
        "cases": measured,
    }
    arguments.results.mkdir(parents=True, exist_ok=True)
    path = arguments.results / f"{name}.json"
    path.write_text(json.dumps(stored, indent=1) + "\n")
    print(f"Stored as {path}")
    return 0


def measure(
    names: Sequence[str],
    sizes: tuple[int, ...],
    setting: Setting,
    rounds: int,
    calls: int,
) -> dict[str, Any]:
    """Times, differences and memory of the named variants for one size.

    Raises:
        BenchmarkError: A variant failed, or its outputs differ.
    """
    weights, case = data(sizes)
    ways = ("forward", "training")
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "problem.npz"
        problem.save(stored, weights, {"forward": case})
        grown: dict[str, dict[str, int]] = {way: {} for way in ways}
        for way in ways:
            for name in names:
                with harness.running("attention", [name], stored, setting) as (one,):
                    grown[way][name] = one.ask("memory", case=way)["grown_mb"]
        with harness.running("attention", names, stored, setting) as workers:
            difference = harness.check_equal(workers, ways)
            busy = machine.BusyTime()
            seconds, cpu = harness.interleave(workers, ways, rounds, calls)
            others = busy.share_of_others(cpu)
    rows = {
        way: {
            name: {
                "min_ms": round(1e3 * min(taken), 4),
                "median_ms": round(1e3 * statistics.median(taken), 4),
                "relative_min": round(min(taken) / min(by_name[names[0]]), 3),
                "relative_median": round(
                    statistics.median(taken) / statistics.median(by_name[names[0]]), 3
                ),
                "grown_mb": grown[way][name],
                "calls": len(taken),
            }
            for name, taken in by_name.items()
        }
        for way, by_name in seconds.items()
    }
    return {
        "sizes": dict(zip(("B", "T", "S", "U"), sizes, strict=True)),
        "largest_relative_difference": difference,
        "others_share": round(others, 3),
        "variants": rows,
    }


def data(sizes: tuple[int, ...]) -> tuple[problem.Arrays, problem.Arrays]:
    """`v [U]`, and query `[B, T, U]`, value and key `[B, S, U]`."""
    batch, targets, sources, units = sizes
    random = np.random.default_rng(0)

    def drawn(scale: float, *shape: int) -> np.ndarray:
        return (scale * random.standard_normal(shape)).astype("float32")

    return {"v": drawn(0.1, units)}, {
        "query": drawn(0.5, batch, targets, units),
        "value": drawn(0.5, batch, sources, units),
        "key": drawn(0.5, batch, sources, units),
    }


def table(case: str, measured: dict[str, Any]) -> str:
    """The Markdown table of one size."""
    lines = [
        f"{case}, others {100 * measured['others_share']:.0f} %\n",
        "| pass | variant | ms, min | ms, median | relative, min | median | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for way, rows in measured["variants"].items():
        for name, row in rows.items():
            lines.append(
                f"| {way} | {name} | {row['min_ms']:.1f} | {row['median_ms']:.1f} | "
                f"{row['relative_min']:.2f} | {row['relative_median']:.2f} | "
                f"{row['grown_mb']} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
