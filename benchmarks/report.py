"""Where results go: a JSON file a run, and one page of tables made from all."""

import datetime
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, Measured
from benchmarks.variants import Setting

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
QUIET = 0.05

_PREAMBLE = """---
orphan: true
---

<!-- Written by `python -m benchmarks.report` from benchmarks/results: not by hand. -->

# Benchmarks

Each table is one run: every variant in a process of its own, all with the same
weights and data, outputs compared before anything is timed (loss and the norm of
every gradient, or generated ids and log-probabilities), turns interleaved. *Relative*
is the variant's time over that of the first, `ours` or `shortlist`: above 1, the
first is faster. Seconds depend on the machine and on what else runs there; ratios of
one run are what counts.
*Others* is the share of processor time that other programs took meanwhile: above a
few per cent, read the column of minima only, and not closely.

What the variants are and how to run them again is in `benchmarks/README.md`.
"""


def result(
    benchmark: str,
    command: str,
    sizes: dict[str, Any],
    setting: Setting,
    before: dict[str, Any],
    measured: Measured,
    steps: int,
) -> dict[str, Any]:
    """Everything about one run, as it is stored.

    Args:
        benchmark: `"train_step"` or `"generate"`.
        command: What runs it again.
        sizes: Shapes, and how lengths were drawn.
        setting: Threads, optimizer, length.
        before: `machine.describe()` before the run.
        measured: What `harness.compare` gave.
        steps: Target steps of one call, for the time a step.
    """
    cases = {}
    for case, by_variant in measured.seconds.items():
        rows = {}
        times = {n: v for n, v in by_variant.items() if n != "gemm"}
        base = next(iter(times.values()))
        for name, seconds in times.items():
            low, middle = min(seconds), statistics.median(seconds)
            rows[name] = {
                "min_ms": round(low * 1e3, 4),
                "median_ms": round(middle * 1e3, 4),
                "min_us_per_step": round(low * 1e6 / steps, 2),
                "relative_min": round(low / min(base), 3),
                "relative_median": round(middle / statistics.median(base), 3),
                "calls": len(seconds),
            }
        cases[case] = rows
    return {
        "benchmark": benchmark,
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "sizes": sizes,
        "setting": setting._asdict(),
        "machine": before,
        "others_share": round(measured.others_share, 3),
        "versions": measured.versions,
        "threads": measured.threads,
        "largest_relative_difference": measured.difference,
        "peak_mb": measured.peak_mb,
        "cases": cases,
    }


def table(stored: dict[str, Any]) -> str:
    """The Markdown table of one result."""
    generating = stored["benchmark"] not in ("train_step", "lstm_layer")
    unit = "us a step, min" if generating else "ms, min"
    lines = [
        f"| case | variant | {unit} | ms, median | relative, min | relative, median |",
        "|---|---|---|---|---|---|",
    ]
    for case, rows in stored["cases"].items():
        for name, row in rows.items():
            least = row["min_us_per_step"] if generating else row["min_ms"]
            lines.append(
                f"| {case} | {name} | {least:.1f} | {row['median_ms']:.2f} "
                f"| {row['relative_min']:.2f} | {row['relative_median']:.2f} |"
            )
    return "\n".join(lines)


def circumstances(stored: dict[str, Any]) -> str:
    """One paragraph: sizes, machine, load, versions."""
    about = stored["machine"]
    sizes = ", ".join(f"{name} {value}" for name, value in stored["sizes"].items())
    versions = ", ".join(f"{name} {v}" for name, v in stored["versions"].items())
    flags = ", ".join(about["cpu_flags"]) or "no notable instruction sets"
    environment = ", ".join(
        f"{name}={value or '(unset)'}" for name, value in about["environment"].items()
    )
    lines = [
        f"{stored['date']}: {about['cpu']} ({flags}), {about['cores']} cores, "
        f"{stored['setting']['threads']} threads, {about['system']}, Python "
        f"{about['python']}, {versions}; {environment}.",
        f"Load average before {about['load_average'][0]}, others "
        f"{100 * stored['others_share']:.0f} %.",
        f"Sizes: {sizes}.",
    ]
    floor = stored.get("gemm_floor")
    if floor:
        lines.append(
            f"Matrix products alone take at least {floor['ms']:.1f} ms here "
            f"({floor['gflop_per_second']:.0f} GFLOP/s in the same run): `ours` "
            f"takes {floor['relative_min']:.2f} times that."
        )
    return "\n".join(lines)


def page(results: Path = RESULTS) -> str:
    """The whole page, from every stored result."""
    parts = [_PREAMBLE]
    for path in sorted(results.glob("*.json")):
        stored = json.loads(path.read_text())
        parts += [
            f"## {path.stem}\n",
            f"```sh\n{stored['command']}\n```\n",
            circumstances(stored) + "\n",
            table(stored) + "\n",
        ]
    return "\n".join(parts)


def keep(
    stored: dict[str, Any], name: str, results: Path, write_docs: bool, docs: Path
) -> None:
    """Print a result, store it as `<results>/<name>.json`, and renew the page."""
    print(circumstances(stored), table(stored), sep="\n\n")
    if stored["others_share"] > QUIET:
        print(
            f"\nOther programs took {100 * stored['others_share']:.0f} % of the "
            "processors: run this again on a quiet machine before believing it."
        )
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{name}.json"
    path.write_text(json.dumps(stored, indent=1) + "\n")
    print(f"\nStored as {path}")
    if write_docs:
        docs.write_text(page(results))
        print(f"Renewed {docs}")


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"Renewed {PAGE}")
