"""Metrics: accuracies while training, error rates of what was generated, alignments.

| file | what |
|---|---|
| `token_accuracy.py` | accuracies of tokens and sequences, for `compile` |
| `error_rates.py` | edit distance, word and token error rates |
| `calibration_error.py` | whether log-probabilities say what is right |

Numbers of alignments are those of `alignment_report`.
"""

from alignment_report import (
    AlignmentNumbers,
    alignment_error_rate,
    alignment_numbers,
    links,
)
from keras_attention.metrics.calibration_error import Calibration, calibration
from keras_attention.metrics.token_accuracy import SequenceAccuracy, TokenAccuracy

__all__ = [
    "AlignmentNumbers",
    "Calibration",
    "SequenceAccuracy",
    "TokenAccuracy",
    "alignment_error_rate",
    "alignment_numbers",
    "calibration",
    "links",
]
