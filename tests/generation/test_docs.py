"""The page on generation runs as it stands, and names every option there is."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import keras_attention as ka

PAGE = Path(__file__).parents[2] / "docs" / "generation.md"


@pytest.mark.tensorflow_only
def test_blocks_run_in_order(capsys):
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 8
    exec("".join(blocks), {"__name__": "page"})
    assert "`min_length`" in capsys.readouterr().out


def test_options_and_defaults():
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", text, re.MULTILINE)
    told = {name: default for name, default in rows if "[" not in default}
    told.pop("steps_run")
    known = {field.name: field.default for field in fields(ka.GenerationOptions)}
    assert list(told) == list(known)
    for name, default in known.items():
        shown = "none" if default in (None, ()) else str(default)
        assert told[name] == shown.removesuffix(".0")
