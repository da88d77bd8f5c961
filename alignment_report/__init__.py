"""Reports of predictions with their alignments, and numbers of alignments.

`keras_attention` and `serving` both write such reports and never import each other;
what they share for that stands here, and needs NumPy alone.

| file | what |
|---|---|
| `numbers.py` | entropy, focus, monotonicity, coverage deviation, AER |
| `report.py` | predictions to one file that a browser opens from disk |
| `source_pieces.py` | the pieces of a text that its tokens came from |
| `report.html`, `report.css`, `report.js` | what the browser shows and does |
"""

from alignment_report.numbers import (
    AlignmentNumbers,
    alignment_error_rate,
    alignment_numbers,
    links,
)
from alignment_report.report import AlignedPrediction, AlignedTokens, write_report

__all__ = [
    "AlignedPrediction",
    "AlignedTokens",
    "AlignmentNumbers",
    "alignment_error_rate",
    "alignment_numbers",
    "links",
    "write_report",
]
