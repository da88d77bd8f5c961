"""Several alignments: side by side, or one after the other as a moving picture."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alignment_report import AlignedTokens
from keras_attention.visualize.alignment_plot import (
    Alignment,
    Labels,
    alignment_of,
    cell_inches,
    draw_alignment,
    margin_inches,
    set_title,
)
from keras_attention.visualize.figures import new_figure, pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Alignments = Mapping[str, AlignedTokens | Any]
_MOST_PANEL_INCHES = 5.0


def plot_alignments(
    alignments: Alignments,
    source: Labels | None = None,
    target: Sequence[str] | None = None,
    columns: int | None = None,
) -> "Figure":
    """A grid of heat-maps with one scale of colours: heads, answers, epochs ...

    Args:
        alignments: By title, predictions or weights `[T, S]`, as for `plot_alignment`;
            `heads(...)` and `answers(...)` make such from one value.
        source, target: Labels of all, as for `plot_alignment`.
        columns: Of the grid; by default it is about as wide as high.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: There is nothing to draw, or as for `plot_alignment`.

    Example:

    >>> weights = np.full((2, 3, 4), 0.25)  # [H, T, S]
    >>> figure = plot_alignments(heads(weights), list("abcd"), list("XYZ"))
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['head 1', 'head 2']
    """
    shown, (width, height, left, below), largest = _alike(alignments, source, target)
    columns = columns or math.ceil(math.sqrt(len(shown)))
    rows = math.ceil(len(shown) / columns)
    width, height = (min(side, _MOST_PANEL_INCHES) for side in (width, height))
    figure = new_figure(
        columns * (width + left) + 1, rows * (height + below + 0.4) + 0.3
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.remove()
    for axes, title, one in zip(grid.flat, alignments, shown, strict=False):
        draw_alignment(axes, one, width, height, largest)
        set_title(axes, title)
    figure.colorbar(
        grid.flat[0].images[0],
        ax=list(grid.flat[: len(shown)]),
        label="attention weight",
    )
    return figure


def heads(weights: Any) -> dict[str, np.ndarray]:
    """The weights `[H, T, S]` of one sequence by head, for `plot_alignments`.

    Raises:
        ValueError: `weights` has other than three dimensions.
    """
    weights = np.asarray(weights)
    if weights.ndim != 3:
        raise ValueError(
            "`weights` must be [H, T, S] of one sequence. Received: weights of shape "
            f"{weights.shape}"
        )
    return {f"head {place}": head for place, head in enumerate(weights, 1)}


def answers(predictions: Any) -> dict[str, AlignedTokens]:
    """A prediction and its alternatives, or a list, for `plot_alignments`.

    Args:
        predictions: Of `TextToText.predict`, or a row of `Client.n_best`.
    """
    if hasattr(predictions, "source_tokens"):
        predictions = (predictions, *getattr(predictions, "alternatives", ()))
    return {
        f"{place}. {one.text} ({one.log_prob:.2f})": one
        for place, one in enumerate(predictions, 1)
    }


def animate_alignments(
    alignments: Alignments,
    path: str | os.PathLike[str],
    source: Labels | None = None,
    target: Sequence[str] | None = None,
    seconds: float = 0.5,
) -> None:
    """A moving picture of alignments, say of the epochs of a training, as GIF.

    Args:
        alignments: By title, as for `plot_alignments`, in their order.
        path: Where to write it.
        source, target: Labels of all, as for `plot_alignment`.
        seconds: How long each is shown; the last one four times as long.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: There is nothing to draw, or as for `plot_alignment`.
    """
    shown, (width, height, left, below), largest = _alike(alignments, source, target)
    figure = new_figure(width + left + 0.4, height + below + 0.8)
    from PIL import Image

    axes = figure.subplots()
    frames = []
    for title, one in zip(alignments, shown, strict=True):
        axes.clear()
        draw_alignment(axes, one, width, height, largest)
        set_title(axes, title)
        frames.append(Image.fromarray(pixels(figure)))
    milliseconds = [int(1000 * seconds)] * (len(frames) - 1)
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=[*milliseconds, int(4000 * seconds)],
        loop=0,
    )


def _alike(
    alignments: Alignments, source: Labels | None, target: Sequence[str] | None
) -> tuple[list[Alignment], np.ndarray, float]:
    """Alignments to be drawn alike: the inches that the largest cells and margins want
    (width and height, left and below), and the weight of the darkest colour."""
    if not alignments:
        raise ValueError("`alignments` must hold an alignment. Received: none")
    shown = [alignment_of(one, source, target) for one in alignments.values()]
    inches = [(*cell_inches(one), *margin_inches(one)) for one in shown]
    largest = max(float(one.weights.max()) for one in shown)
    return shown, np.max(inches, axis=0), largest
