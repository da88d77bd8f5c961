"""Tables of `docs/results.md`, from what the commands of this folder stored.

``python -m benchmarks.accuracy.page`` writes them.
"""

import json
from typing import Any

from benchmarks import pages
from benchmarks.accuracy.trained import ACCURACY, mean_and_error
from benchmarks.harness import ROOT

PAGE = ROOT / "docs" / "results.md"
BEGIN = "<!-- Tables: written by `python -m benchmarks.accuracy.page`. -->\n"
END = "<!-- End of the tables. -->\n"


def main() -> None:
    """Tables of everything that is stored, into the page."""
    stored = [json.loads(path.read_text()) for path in sorted(ACCURACY.glob("*.json"))]
    text = pages.renewed(PAGE.read_text(), BEGIN, END, "\n".join(map(table, stored)))
    PAGE.write_text(text)
    print(f"Renewed {PAGE}")


def table(stored: dict[str, Any]) -> str:
    """One command's table, with the command and what it was run with."""
    figures, published = stored["figures"], stored["published"]
    first = next(iter(figures.values()))
    measures = [name for name in first if not name.startswith("ensemble_")]
    together = f"ensemble_{measures[0]}" in first
    others = list(dict.fromkeys(name for row in published.values() for name in row))
    header = ["", *(title for name in measures for title in _titles(name, together))]
    rows = []
    for label, found in figures.items():
        cells = [label]
        for name in measures:
            cells.append(mean_and_error(found[name]))
            cells += [f"{found[f'ensemble_{name}']:.2f}"] * together
        given = published.get(label, {})
        cells += [f"{given[name]:.2f}" if name in given else "" for name in others]
        rows.append(cells)
    header += [f"{name}, {measures[0].upper()}" for name in others]
    lines = [header, ["---"] * len(header), *rows]
    versions = ", ".join(f"{name} {v}" for name, v in stored["versions"].items())
    return "\n".join(
        [
            f"```sh\n{stored['command']}\n```\n",
            f"{stored['models']} models, beam {stored['beam_size']}, {versions}, "
            f"{stored['machine']['cpu']}, {stored['date']}.\n",
            *(f"| {' | '.join(line)} |" for line in lines),
            "",
        ]
    )


def _titles(measure: str, together: bool) -> list[str]:
    return [f"{measure.upper()}, mean", *([f"{measure.upper()}, ensemble"] * together)]


if __name__ == "__main__":
    main()
