"""Pictures of alignments and of errors, attribution, callbacks that draw.

Pictures need matplotlib (`pip install keras-attention-seq2seq[plot]`). Figures are made
without `pyplot`: no display, no global state, nothing to close.

| file | what |
|---|---|
| `alignment_plot.py` | one alignment as a heat-map |
| `alignment_grids.py` | several: heads, answers, epochs, mechanisms; moving ones |
| `labels.py` | labels that can be seen, fonts that have their characters |
| `figures.py` | figures without a display |
| `charts.py` | error against source length, reliability diagrams |
| `attribution.py` | gradient x attention, gradient x input |
| `callbacks.py` | pictures and predictions after each epoch |
"""

from alignment_report import AlignedTokens
from keras_attention.visualize.alignment_grids import (
    animate_alignments,
    answers,
    heads,
    plot_alignments,
)
from keras_attention.visualize.alignment_plot import (
    plot_alignment,
    plot_prediction,
)
from keras_attention.visualize.attribution import Attribution, attribute
from keras_attention.visualize.callbacks import AlignmentPictures
from keras_attention.visualize.charts import plot_calibration, plot_error_by_length
from keras_attention.visualize.labels import END

__all__ = [
    "END",
    "AlignedTokens",
    "AlignmentPictures",
    "Attribution",
    "animate_alignments",
    "answers",
    "attribute",
    "heads",
    "plot_alignment",
    "plot_alignments",
    "plot_calibration",
    "plot_error_by_length",
    "plot_prediction",
]
