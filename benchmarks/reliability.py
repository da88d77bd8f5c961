"""The figures of the reliability tests, in the page of the documentation.

`make test-reliability` leaves a file a test in `benchmarks/results/reliability`; this
puts them into `docs/reliability.md`, between its two marks.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.harness import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "reliability"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN = "<!-- Figures: written by `python -m benchmarks.reliability`. -->\n"
END = "<!-- End of the figures. -->\n"


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(given)
    options.page.write_text(page(options.page.read_text(), options.results))
    print(f"Renewed {options.page}")
    return 0


def page(text: str, results: Path = RESULTS) -> str:
    """The page with the figures that are stored now."""
    return pages.renewed(text, BEGIN, END, tables(results))


def tables(results: Path) -> str:
    """All figures, and what they were measured on."""
    stored = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    lines = ["| item | what | seen | test |", "|---|---|---|---|"]
    for one in stored:
        seen = "; ".join(f"{what}: {value}" for what, value in one["figures"].items())
        lines.append(f"| {one['item']} | {one['name']} | {seen} | `{one['test']}` |")
    lines.append("")
    lines += sorted({_circumstances(one) for one in stored})
    loads = [one["machine"]["load_average"][0] for one in stored]
    if loads:
        lines.append(
            f"Load averages before the tests: {min(loads):.1f} to {max(loads):.1f}; "
            "times are longer where other programs run."
        )
    return "\n".join(lines) + "\n"


def _circumstances(one: dict[str, Any]) -> str:
    about = one["machine"]
    return (
        f"{one['date']}: {about['cpu']}, {about['cores']} cores, {about['system']}, "
        f"Python {about['python']}."
    )


if __name__ == "__main__":
    sys.exit(main())
