"""Tables of scores and alignments in docs/mechanisms.md, from their docstrings."""

import re
from pathlib import Path

import keras_attention as ka
from benchmarks.pages import renewed

PAGE = Path(__file__).parents[1] / "docs" / "mechanisms.md"
COMMAND = "python -m tools.mechanism_tables"
TABLES = {"scores": ka.scores.TABLE, "alignments": ka.alignments.TABLE}


def current(text: str) -> str:
    """The page with tables of what is registered."""
    for name, table in TABLES.items():
        begin = f"<!-- {name.capitalize()}: written by `{COMMAND}`. -->"
        linked = re.sub(
            r"arXiv (\d{4}\.\d{5}|\d{4}\.\d{4})",
            r"arXiv [\1](https://arxiv.org/abs/\1)",
            table,
        )
        end = f"<!-- End of the {name}. -->"
        text = renewed(text, f"{begin}\n", end, f"{linked}\n")
    return text


if __name__ == "__main__":
    PAGE.write_text(current(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
