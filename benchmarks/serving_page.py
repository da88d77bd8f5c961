"""The figures of the two benchmarks of serving, in the page of the documentation.

They leave a file each in `benchmarks/results/serving`; with `--write-docs` this puts
both into `docs/serving.md`, between its two marks.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.harness import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "serving"
PAGE = ROOT / "docs" / "serving.md"
BEGIN = "<!-- Figures: written by `make bench-serving`. -->\n"
END = "<!-- End of the figures. -->\n"


def write(results: Path = RESULTS, place: Path = PAGE) -> None:
    """Renews the page."""
    place.write_text(page(place.read_text(), results))
    print(f"Renewed {place}")


def page(text: str, results: Path = RESULTS) -> str:
    """The page with the figures that are stored now."""
    tables: dict[str, Callable[[dict[str, Any]], str]]
    tables = {"overhead": overhead, "batching": batching}
    parts = []
    for name, table in tables.items():
        file = results / f"{name}.json"
        if file.exists():
            stored = json.loads(file.read_text())
            parts += [f"`{stored['command']}`\n", f"{table(stored)}\n"]
            parts.append(f"{_circumstances(stored)}\n")
    if not parts:
        parts = ["None are stored: `make bench-serving` makes them.\n"]
    return pages.renewed(text, BEGIN, END, "\n".join(parts))


def overhead(stored: dict[str, Any]) -> str:
    """What a call adds: a Markdown table, and the verdict."""
    lines = ["| way | ms, median | added |", "|---|---|---|"]
    for way, value in stored["milliseconds"].items():
        added = stored["added_ms"].get(way)
        lines.append(f"| {way} | {value:.3f} | {'' if added is None else added} |")
    for way, value in stored["floor_ms"].items():
        lines.append(f"| for comparison: {way} | | {value} |")
    load = stored["machine"]["load_average"][0]
    lines += ["", f"The bar is {stored['bar_ms']} ms. Load average before: {load}."]
    return "\n".join(lines)


def batching(stored: dict[str, Any]) -> str:
    """What batching reaches: a Markdown table, and the verdict."""
    lines = ["| way | words a second | processor ms a word |", "|---|---|---|"]
    for way, rate in stored["words_per_second"].items():
        known = stored["processor_ms_per_word"].get(way)
        used = "" if known is None else f"{known:.2f}"
        lines.append(f"| {way} | {rate:.0f} | {used} |")
    lines.append("")
    lines.append(
        f"{stored['in_flight']} in flight reach {stored['share']:.0%} of "
        f'"{stored["best"]}" (the bar is {stored["bar"]:.0%}), over gRPC '
        f"{stored['share_over_grpc']:.0%}; and {stored['share_of_most']:.0%} of "
        f'"{stored["most"]}".'
    )
    return "\n".join(lines)


def _circumstances(stored: dict[str, Any]) -> str:
    about = stored["machine"]
    return (
        f"{stored['date']}: {about['cpu']}, {about['cores']} cores, {about['system']}, "
        f"Python {about['python']}."
    )
