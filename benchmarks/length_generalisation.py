"""How far each mechanism copies beyond the lengths it was trained at.

Sequences of up to 20 symbols are learned; copies of exactly 20, 40, 80 and 160 are
asked for. Each mechanism has a process of its own and leaves a file as soon as it is
done; a run that was stopped goes on where it was.
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.copying import Setting, keep
from benchmarks.harness import ROOT
from benchmarks.mechanisms import MECHANISMS

RESULTS = ROOT / "benchmarks" / "results" / "lengths"
PAGE = ROOT / "docs" / "length_generalisation.md"
BEGIN = "<!-- Figures: written by `python -m benchmarks.length_generalisation`. -->\n"
END = "<!-- End of the figures. -->\n"
# Without attention: what the decoder does when it does not look.
NAMES = (*MECHANISMS, "none")


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.length_generalisation",
        description=__doc__.split("\n\n")[0],
    )
    parser.add_argument("--only", help="comma-separated names; default all")
    parser.add_argument("--again", action="store_true", help="also what is done")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--write-docs", action="store_true", help="renew the page")
    parser.add_argument("--docs", type=Path, default=PAGE, help="the page")
    parser.add_argument(
        "--in-process", action="store_true", help="no process for each: for a look"
    )
    for key, value in _flags(Setting()).items():
        kind = _lengths if key == "lengths" else int
        parser.add_argument(f"--{key}", type=kind, default=value)
    options = parser.parse_args(given)
    names = options.only.split(",") if options.only else NAMES
    unknown = sorted({*names} - {*NAMES})
    if unknown:
        parser.error(f"--only: expected some of {list(NAMES)}. Received: {unknown}")
    fields = dataclasses.fields(Setting)
    setting = Setting(**{field.name: getattr(options, field.name) for field in fields})
    done = {} if options.again else stored_figures(setting, options.results)
    missing = [name for name in names if name not in done]
    failed = []
    if options.in_process:
        for name in missing:
            keep(name, setting, options.results)
    elif missing:
        failed = apart(missing, setting, options.results, options.jobs)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    found = stored_figures(setting, options.results)
    print(tables(found))
    if options.write_docs:
        options.docs.write_text(page(options.docs.read_text(), found))
        print(f"Renewed {options.docs}")
    return 0


def apart(
    names: Sequence[str], setting: Setting, results: Path, jobs: int
) -> list[str]:
    """Measure each in a process of its own, on one core; those that failed.

    The processes are forks of one that has imported everything and run nothing.
    """
    os.environ |= {
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.copying"])
    failed = []
    with ProcessPoolExecutor(jobs, context, max_tasks_per_child=1) as pool:
        runs = {pool.submit(keep, name, setting, results): name for name in names}
        for run in as_completed(runs):
            error = run.exception()
            print(f"{runs[run]}: {error or 'done'}", flush=True)
            if error:
                failed.append(runs[run])
    return failed


def stored_figures(setting: Setting, results: Path) -> dict[str, dict[str, Any]]:
    """What there is of this setting, by name."""
    found = {}
    for name in NAMES:
        path = results / f"{name}.json"
        if path.exists():
            stored = json.loads(path.read_text())
            if stored["setting"] == _plain(setting):
                found[name] = stored
    return found


def tables(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of all figures, and what they were measured on."""
    first = next(iter(found.values()))
    lengths = list(first["lengths"])
    columns = ["mechanism", "epochs", "seconds", *lengths, f"in a row, {lengths[-1]}"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name in NAMES:
        if name not in found:
            lines.append(f"| `{name}` | not measured |" + " |" * (len(columns) - 2))
            continue
        stored = found[name]
        rows = stored["lengths"]
        cells = [
            f"`{name}`",
            f"{stored['epochs']}",
            f"{stored['processor_seconds']:.0f}",
        ]
        cells += [
            f"{100 * rows[n]['sequences']:.1f} / {100 * rows[n]['tokens']:.1f}"
            for n in lengths
        ]
        cells.append(f"{rows[lengths[-1]]['before']:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    shares = [100 * stored["others_share"] for stored in found.values()]
    setting = ", ".join(f"{key} {value}" for key, value in first["setting"].items())
    lines += [
        "",
        *sorted({_circumstances(stored) for stored in found.values()}),
        f"Other programs took {min(shares):.0f} to {max(shares):.0f} % of the "
        "processors meanwhile.",
        f"Setting: {setting}.",
    ]
    return "\n".join(lines)


def page(text: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """The page of the documentation with these figures between its two marks."""
    return pages.renewed(text, BEGIN, END, f"{tables(found)}\n")


def _plain(setting: Setting) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(setting)))


def _flags(setting: Setting) -> dict[str, Any]:
    lengths = ",".join(map(str, setting.lengths))
    return dataclasses.asdict(setting) | {"lengths": lengths}


def _lengths(text: str) -> tuple[int, ...]:
    return tuple(int(length) for length in text.split(","))


def _circumstances(stored: Mapping[str, Any]) -> str:
    about = stored["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in stored["versions"].items())
    return (
        f"{stored['date']}: {about['cpu']}, one of {about['cores']} cores, "
        f"{about['system']}, {versions}."
    )


if __name__ == "__main__":
    sys.exit(main())
