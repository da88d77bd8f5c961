"""The page on serving has the figures that are stored."""

from __future__ import annotations

import json

import pytest

from benchmarks import serving_page

MACHINE = {"cpu": "C", "cores": 2, "system": "S", "python": "3", "load_average": [0.5]}
OVERHEAD = {
    "command": "python -m it",
    "date": "2000-01-01",
    "machine": MACHINE,
    "bar_ms": 0.4,
    "milliseconds": {"session": 3.0, "stub": 3.25},
    "added_ms": {"stub": 0.25},
    "floor_ms": {"grpcio": 0.125},
}


def test_the_page_is_current():
    text = serving_page.PAGE.read_text(encoding="utf-8")
    assert serving_page.page(text) == text


def test_stored_figures_replace_those_before(tmp_path):
    text = f"before\n{serving_page.BEGIN}old\n{serving_page.END}after\n"
    (tmp_path / "overhead.json").write_text(json.dumps(OVERHEAD))
    found = serving_page.page(text, tmp_path)
    assert found.startswith("before\n") and found.endswith("after\n")
    assert "old" not in found
    assert "| stub | 3.250 | 0.25 |" in found
    assert "| for comparison: grpcio | | 0.125 |" in found
    assert serving_page.page(found, tmp_path) == found


def test_marks_that_are_missing_are_said(tmp_path):
    with pytest.raises(ValueError, match="expected the lines"):
        serving_page.page("nothing", tmp_path)
