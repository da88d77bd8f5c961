"""The page on generation runs as it stands, and names every option there is."""

import re
from pathlib import Path

import pytest

from keras_attention.generation.options.option_table import OPTIONS

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
    table = re.search(
        r"^\| option \| default .*\n.*\n((?:\|.*\n)+)", text, re.MULTILINE
    )
    assert table[1].splitlines() == [
        f"| `{name}` | {option.shown_default()} | {option.doc} |"
        for name, option in OPTIONS.items()
    ]
