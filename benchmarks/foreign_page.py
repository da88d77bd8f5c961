"""What clients that others wrote found, in the page of the documentation."""

import json
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.harness import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "clients" / "foreign_clients.json"
PAGE = ROOT / "docs" / "serving.md"
BEGIN = "<!-- Clients: written by `make bench-clients`. -->\n"
END = "<!-- End of the clients. -->\n"


def write(results: Path = RESULTS, place: Path = PAGE) -> None:
    """Renews the page."""
    text = page(place.read_text(encoding="utf-8"), results)
    place.write_text(text, encoding="utf-8")
    print(f"Renewed {place}")


def page(text: str, results: Path = RESULTS) -> str:
    """The page with the figures that are stored now."""
    found = "No figures are stored: `make bench-clients` makes them."
    if results.exists():
        found = table(json.loads(results.read_text(encoding="utf-8")))
    return pages.renewed(text, BEGIN, END, f"{found}\n")


def table(stored: dict[str, Any]) -> str:
    """A Markdown table, what grpcurl did, and where."""
    lines = ["| in flight | requests a second | p50 ms | p90 | p95 | p99 |"]
    lines.append("|---|---|---|---|---|---|")
    for row in stored["perf_analyzer"]:
        spread = " | ".join(f"{value:.1f}" for value in row["milliseconds"].values())
        rate = row["requests_per_second"]
        lines.append(f"| {row['concurrency']} | {rate:.0f} | {spread} |")
    lines += ["", f"grpcurl was answered rightly: {', '.join(stored['grpcurl'])}."]
    about = stored["machine"]
    flags = " ".join(stored["server_flags"]) or "none"
    lines += [
        "",
        f"{stored['date']}: {about['cpu']}, {about['cores']} cores, {about['system']}, "
        f"Python {about['python']}, load average before "
        f"{about['load_average'][0]}; {', '.join(stored['packages'])}; flags of the "
        f"server: {flags}.",
    ]
    return "\n".join(lines)
