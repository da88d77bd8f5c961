"""The page in the documentation has the figures that are stored."""

from __future__ import annotations

import json
import os
import re

import pytest

from benchmarks import reliability
from tests.reliability import figures


@pytest.mark.skipif(figures.VARIABLE in os.environ, reason="figures are being renewed")
def test_the_page_is_current():
    text = reliability.PAGE.read_text(encoding="utf-8")
    assert reliability.page(text) == text


def test_every_item_is_on_the_page_and_its_tests_exist():
    text = reliability.PAGE.read_text(encoding="utf-8")
    table = text[text.index("## What is tried") : text.index("Files without a folder")]
    rows = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", table, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 23))
    root = reliability.ROOT
    for _, places in rows:
        for place in re.findall(r"`(\S+)`", places):
            found = (root / place).exists() or (
                root / "tests" / "reliability" / place
            ).exists()
            assert found, place


def test_what_a_test_keeps_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv(figures.VARIABLE, str(tmp_path / "kept"))
    figures.keep(9, "a flood, REST", "tests/x.py", {"calls": "3", "slowest": "1 ms"})
    (path,) = (tmp_path / "kept").iterdir()
    assert path.name == "09-a-flood-REST.json"
    assert json.loads(path.read_text())["machine"]["cores"] >= 1
    before = f"# Title\n\n{reliability.BEGIN}old\n{reliability.END}after\n"
    after = reliability.page(before, tmp_path / "kept")
    row = "| 9 | a flood, REST | calls: 3; slowest: 1 ms | `tests/x.py` |"
    assert row in after
    assert "old" not in after and after.endswith("after\n")
    assert reliability.page(after, tmp_path / "kept") == after
    page = tmp_path / "page.md"
    page.write_text(before)
    given = [f"--results={tmp_path / 'kept'}", f"--page={page}"]
    assert reliability.main(given) == 0
    assert page.read_text() == after


def test_pages_without_marks_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected the lines"):
        reliability.page("# Title\n", tmp_path)


def test_nothing_is_kept_unless_it_is_wanted(tmp_path, monkeypatch):
    monkeypatch.delenv(figures.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    figures.keep(1, "x", "y", {})
    assert not list(tmp_path.iterdir())
