"""Figures that a test has seen, kept for the page in the documentation.

A test hands them to ``keep``; they are stored where RELIABILITY_RESULTS names a folder,
one file a test, and ``python -m benchmarks.reliability`` makes the page from the files.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine

VARIABLE = "RELIABILITY_RESULTS"


def keep(item: int, name: str, test: str, figures: dict[str, str]) -> None:
    """Stores what a test has seen.

    Args:
        item: Number in the list of ``docs/reliability.md``.
        name: Tells it from others of the item.
        test: What to run to see it again.
        figures: In words, by what was measured.
    """
    if VARIABLE not in os.environ:
        return
    folder = Path(os.environ[VARIABLE])
    folder.mkdir(parents=True, exist_ok=True)
    stored = {
        "item": item,
        "name": name,
        "test": test,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine.describe(),
        "figures": figures,
    }
    slug = name.replace(" ", "-").replace(",", "")
    path = folder / f"{item:02d}-{slug}.json"
    path.write_text(json.dumps(stored, indent=1) + "\n")


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies, the nearest that was measured.

    >>> quantile([3.0, 1.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(seconds: float) -> str:
    """Such as ``1.3 ms``, or ``1.20 s`` where it is long."""
    if seconds >= 1.0:
        return f"{seconds:.2f} s"
    return f"{1000 * seconds:.3g} ms"


def mebibytes(count: float) -> str:
    """Such as ``12.0 MiB``."""
    return f"{count / (1 << 20):.1f} MiB"
