"""The page on mechanisms runs as it stands, and names every part there is."""

import re
from pathlib import Path

import pytest

import keras_attention as ka
from keras_attention.decoder import bridges, orders
from tools import mechanism_tables

PAGE = Path(__file__).parents[2] / "docs" / "mechanisms.md"
TEXT = PAGE.read_text(encoding="utf-8")
AROUND = [
    "AttentionPooling",
    "ContextGate",
    "CopyGenerator",
    "FlatAttention",
    "HierarchicalAttention",
    "MarginalAttention",
    "PointerGenerator",
]


def test_blocks_run_in_order():
    blocks = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    page = {"__name__": "page"}
    exec("".join(blocks), page)
    assert tuple(page["weights"].shape) == (2, 2, 6, 9)


@pytest.mark.parametrize(
    "heading, names",
    [
        (
            "Orders and readouts",
            [*orders.registry.names(), *ka.readouts.registry.names()],
        ),
        ("Bridges", bridges.registry.names()),
        ("Around attention", AROUND),
    ],
)
def test_every_part_has_a_row(heading, names):
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(names)


def test_tables_are_current():
    written = mechanism_tables.current(TEXT)
    assert written == TEXT, f"run `{mechanism_tables.COMMAND}`"
