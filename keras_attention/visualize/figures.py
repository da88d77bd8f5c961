"""Figures that need no display: matplotlib's, made without pyplot."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of a size in inches.

    Raises:
        ImportError: matplotlib is missing.
    """
    need_matplotlib()
    from matplotlib.figure import Figure

    return Figure((width, height), layout="constrained")


def need_matplotlib() -> None:
    """Raises an ImportError that says what to install where matplotlib is missing."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib: pip install keras-attention-seq2seq[plot]"
        ) from error


def pixels(figure: "Figure") -> np.ndarray:
    """The figure as an image `[height, width, 4]`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
