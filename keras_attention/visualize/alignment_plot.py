"""One alignment as a heat-map, on matplotlib axes."""

import os
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from alignment_report import AlignedTokens, alignment_numbers
from keras_attention.visualize.figures import new_figure
from keras_attention.visualize.labels import Writing, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Labels = Sequence[str] | Sequence[Sequence[str]]
_MAX_INCHES = 14.0
_INCHES_PER_CELL = 0.3
_INCHES_PER_LABEL = 0.17
_INCHES_PER_CHARACTER = 0.09


class Alignment(NamedTuple):
    """Weights `[T, S]`, their labels, and where memories but the first begin."""

    weights: np.ndarray
    source: list[str]
    target: list[str]
    memories: list[int]
    families: list[str]


def plot_alignment(
    prediction_or_weights: AlignedTokens | Any,
    source: Labels | None = None,
    target: Sequence[str] | None = None,
    ax: "Axes | None" = None,
    *,
    largest: float | None = None,
    numbers: bool = False,
) -> "Axes":
    """One row for each target token, dark where its attention weights are high.

    Long sequences get thinner cells and a label for every second, third ... token
    instead of a picture without end. Lone combining marks stand on a dotted circle,
    spaces are drawn, and characters that no installed font has are given as code
    points, with a warning that names their script.

    Without `ax` a figure is made: `plot_alignment(...).figure.savefig("picture.png")`.
    It is none of pyplot's: no display, no global state, nothing to close.

    Args:
        prediction_or_weights: What has `tokens`, `source_tokens` and `alignment` (of
            `TextToText.predict` or `score`, of `Client.align`), or weights `[T, S]` of
            one sequence and one head. They need not sum to one.
        source: S labels, or S - 1 when the last position ends the sequence; a list of
            labels for each of several memories. By default those of the prediction,
            or numbers.
        target: T labels, or T - 1 when the last step ends the sequence.
        ax: Where to draw.
        largest: The weight of the darkest colour; by default the largest there is.
        numbers: Whether to write `ka.metrics.alignment_numbers` below.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: The weights are no matrix or empty, or do not fit the labels.

    References:
        The form of figure 3 in Bahdanau, Cho & Bengio 2014, arXiv 1409.0473.

    Example:

    >>> axes = plot_alignment([[0.9, 0.1], [0.2, 0.8]], ["c", "a"], ["K", "AE"])
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['K', 'AE']
    """
    shown = alignment_of(prediction_or_weights, source, target)
    width, height = cell_inches(shown)
    if ax is None:
        row_margin, column_margin = margin_inches(shown)
        ax = new_figure(
            width + row_margin + 1.2, height + column_margin + 0.9
        ).subplots()
        draw_alignment(ax, shown, width, height, largest)
        ax.figure.colorbar(ax.images[0], ax=ax, label="attention weight", aspect=30)
    else:
        box = ax.get_window_extent()
        dpi = ax.figure.dpi
        draw_alignment(ax, shown, box.width / dpi, box.height / dpi, largest)
    if numbers:
        found = alignment_numbers(shown.weights)
        ax.set_xlabel(
            f"source\nentropy {found.entropy:.2f} nats, focus {found.focus:.2f},\n"
            f"monotonicity {found.monotonicity:.2f}, "
            f"coverage deviation {found.coverage_deviation:.2f}"
        )
    return ax


def plot_prediction(
    prediction: AlignedTokens,
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
) -> "Figure":
    """The heat-map of one prediction of `TextToText.predict` or `Client.align`.

    Args:
        prediction: Has `tokens`, `source_tokens` and `alignment [T, S]`.
        path: Where to write the picture, as PNG unless the name says otherwise.
        title: Text above the picture.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: The alignment does not fit the tokens.
    """
    axes = plot_alignment(prediction)
    if title:
        set_title(axes, title)
    figure = cast("Figure", axes.figure)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def alignment_of(
    given: AlignedTokens | Any, source: Labels | None, target: Sequence[str] | None
) -> Alignment:
    """The weights and labels of a prediction, or of weights.

    Raises:
        ValueError: As for `plot_alignment`.
    """
    weights = given
    if hasattr(given, "source_tokens"):
        weights = given.alignment
        source = given.source_tokens if source is None else source
        target = given.tokens if target is None else target
        if weights is None:
            raise ValueError(
                "The prediction must have an alignment. Expected: one of "
                "`Client.align` or `TextToText.predict`. Received: alignment=None"
            )
    weights = np.asarray(weights, dtype="float64")
    if weights.ndim != 2 or not weights.size:
        raise ValueError(
            "`prediction_or_weights` must have weights [T, S] of one sequence and one "
            "head (`plot_alignments` draws several). Received: weights of shape "
            f"{weights.shape}"
        )
    memories: list[int] = []
    if source is not None and len(source) and not isinstance(source[0], str):
        *memories, _ = accumulate(map(len, source))
        source = [token for memory in source for token in memory]
    columns = labels("source", source, weights.shape[1])  # type: ignore[arg-type]
    rows = labels("target", target, weights.shape[0])
    writing = Writing(*columns, *rows)
    return Alignment(
        weights,
        [writing(text) for text in columns],
        [writing(text) for text in rows],
        memories,
        writing.families,
    )


def cell_inches(shown: Alignment) -> tuple[float, float]:
    """The width and height that the cells of an alignment want."""
    width, height = (
        min(max(len(part) * _INCHES_PER_CELL, 1.5), _MAX_INCHES)
        for part in (shown.source, shown.target)
    )
    return width, height


def margin_inches(shown: Alignment) -> tuple[float, float]:
    """The width that the labels of the rows want, the height that those below want."""
    left, below = (
        _INCHES_PER_CHARACTER * (4 + max(map(len, part)))
        for part in (shown.target, shown.source)
    )
    return left, below


def draw_alignment(
    ax: "Axes", shown: Alignment, width: float, height: float, largest: float | None
) -> None:
    """Draws cells of so many inches, and as many labels as they have room for."""
    ax.imshow(
        shown.weights,
        cmap="Blues",
        vmin=0.0,
        vmax=largest or shown.weights.max() or 1.0,
        aspect="auto",
        interpolation="nearest",
    )
    for start in shown.memories:
        ax.axvline(start - 0.5, color="C1", linewidth=1)
    _ticks(ax.xaxis, shown.source, width, shown.families)
    _ticks(ax.yaxis, shown.target, height, shown.families)
    every_label = len(ax.get_xticks()) == len(shown.source)
    for label in ax.get_xticklabels():
        upright = every_label and len(label.get_text()) <= 2
        label.set_rotation(0 if upright else 90)
    ax.set_xlabel("source")
    ax.set_ylabel("target")


def set_title(ax: "Axes", title: str) -> None:
    """Writes a title that may be in any script and is no formula."""
    writing = Writing(title)
    ax.set_title(writing(title), family=writing.families, parse_math=False, wrap=True)


def _ticks(axis: "Axis", texts: list[str], inches: float, families: list[str]) -> None:
    every = max(1, int(np.ceil(len(texts) * _INCHES_PER_LABEL / inches)))
    axis.set_ticks(
        range(0, len(texts), every),
        texts[::every],
        family=families,
        parse_math=False,
    )
