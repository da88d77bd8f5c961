"""The page on serving has what other people's clients found."""

from __future__ import annotations

import json

import pytest

from benchmarks import foreign_page

STORED = {
    "date": "2000-01-01",
    "machine": {
        "cpu": "C",
        "cores": 2,
        "system": "S",
        "python": "3",
        "load_average": [0.5],
    },
    "packages": ["grpcurl==1"],
    "server_flags": ["--x=1"],
    "grpcurl": ["list", "refusal 1 (INVALID_ARGUMENT)"],
    "perf_analyzer": [
        {
            "concurrency": 4,
            "requests_per_second": 99.6,
            "milliseconds": {"p50": 1.0, "p90": 2.0, "p95": 3.0, "p99": 4.25},
        }
    ],
}


def test_the_page_is_current():
    text = foreign_page.PAGE.read_text(encoding="utf-8")
    assert foreign_page.page(text) == text


def test_stored_figures_replace_those_before(tmp_path):
    text = f"before\n{foreign_page.BEGIN}old\n{foreign_page.END}after\n"
    file, place = tmp_path / "stored.json", tmp_path / "page.md"
    place.write_text(text)
    foreign_page.write(file, place)
    assert "No figures are stored" in place.read_text()
    file.write_text(json.dumps(STORED))
    foreign_page.write(file, place)
    found = place.read_text()
    assert found.startswith("before\n") and found.endswith("after\n")
    assert "old" not in found and "No figures" not in found
    assert "| 4 | 100 | 1.0 | 2.0 | 3.0 | 4.2 |" in found
    assert "list, refusal 1 (INVALID_ARGUMENT)." in found
    assert "grpcurl==1; flags of the server: --x=1." in found
    foreign_page.write(file, place)
    assert place.read_text() == found


def test_marks_that_are_missing_are_said(tmp_path):
    with pytest.raises(ValueError, match="expected the lines"):
        foreign_page.page("nothing", tmp_path / "stored.json")
