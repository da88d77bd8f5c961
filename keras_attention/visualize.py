"""Alignment heat-maps: the source tokens that each target token looked at.

Needs matplotlib (`pip install keras-attention-seq2seq[plot]`). Figures are made
without `pyplot`: no display, no global state, nothing to close.
"""

import os
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

END = "⟨end⟩"
_MAX_LABEL_LENGTH = 18
_MAX_INCHES = 14.0
_INCHES_PER_CELL = 0.3
_INCHES_PER_LABEL = 0.17
_INCHES_PER_CHARACTER = 0.09


class AlignedPrediction(Protocol):
    """What `plot_prediction` reads: the predictions of either package have it."""

    @property
    def tokens(self) -> Sequence[str]: ...

    @property
    def source_tokens(self) -> Sequence[str]: ...

    @property
    def alignment(self) -> Any: ...


def plot_prediction(
    prediction: AlignedPrediction,
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
) -> "Figure":
    """The heat-map of one prediction of `TextToText.predict` or `Client.align`.

    Args:
        prediction: has `tokens`, `source_tokens` and `alignment [T, S]`.
        path: where to write the picture, as PNG unless the name says otherwise.
        title: text above the picture.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: the alignment does not fit the tokens.
    """
    return plot_alignment(
        prediction.alignment, prediction.source_tokens, prediction.tokens, path, title
    )


def plot_alignment(
    weights: Any,
    source_tokens: Sequence[str],
    target_tokens: Sequence[str],
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
) -> "Figure":
    """One row for each target token, dark where its attention weights are high.

    Long sequences get thinner cells and a label for every second, third ... token
    instead of a picture without end. Labels no installed font can write are given as
    code points, lone combining marks stand on a dotted circle, spaces are drawn.

    Args:
        weights: attention weights `[T, S]`, of one sequence and one head.
        source_tokens: S labels, or S - 1 when the last position ends the sequence.
        target_tokens: T labels, or T - 1 when the last step ends the sequence.
        path: where to write the picture, as PNG unless the name says otherwise.
        title: text above the picture.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: `weights` is not a matrix, is empty, or does not fit the labels.

    References:
        The form of figure 3 in Bahdanau, Cho & Bengio 2014, arXiv 1409.0473.
    """
    weights = np.asarray(weights, dtype="float64")
    if weights.ndim != 2 or not weights.size:
        raise ValueError(
            "`weights` must be a matrix [T, S] of one sequence and one head. "
            f"Received: weights of shape {weights.shape}"
        )
    rows = _labels("target_tokens", target_tokens, weights.shape[0])
    columns = _labels("source_tokens", source_tokens, weights.shape[1])
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Alignment pictures need matplotlib: "
            "pip install keras-attention-seq2seq[plot]"
        ) from error

    families, unwritable = _fonts("".join([*rows, *columns, title or ""]))

    def write(text: str) -> str:
        return "".join(_code_point(c) if c in unwritable else c for c in text)

    rows, columns = (list(map(write, labels)) for labels in (rows, columns))
    height, width = (
        min(max(len(labels) * _INCHES_PER_CELL, 1.5), _MAX_INCHES)
        for labels in (rows, columns)
    )
    row_margin, column_margin = (
        _INCHES_PER_CHARACTER * (4 + max(map(len, labels)))
        for labels in (rows, columns)
    )
    figure = Figure(
        (width + row_margin + 1.2, height + column_margin + 0.9), layout="constrained"
    )
    axes = figure.add_subplot()
    image = axes.imshow(
        weights, cmap="Blues", vmin=0.0, aspect="auto", interpolation="nearest"
    )
    figure.colorbar(image, label="attention weight", aspect=30)
    _ticks(axes.xaxis, columns, width, families)
    _ticks(axes.yaxis, rows, height, families)
    every_label = len(axes.get_xticks()) == len(columns)
    for label in axes.get_xticklabels():
        upright = every_label and len(label.get_text()) <= 2
        label.set_rotation(0 if upright else 90)
    axes.set_xlabel("source")
    axes.set_ylabel("target")
    if title:
        axes.set_title(write(title), family=families, parse_math=False, wrap=True)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _ticks(axis: "Axis", labels: list[str], inches: float, families: list[str]) -> None:
    every = max(1, int(np.ceil(len(labels) * _INCHES_PER_LABEL / inches)))
    places = range(0, len(labels), every)
    axis.set_ticks(places, labels[::every], family=families, parse_math=False)


def _labels(name: str, tokens: Sequence[str], size: int) -> list[str]:
    labels = [_visible(token) for token in tokens]
    if len(labels) == size - 1:
        labels.append(END)
    if len(labels) != size:
        raise ValueError(
            f"`{name}` must hold one label for each of the {size} positions of "
            f"`weights`, or all but the last. Received: {len(labels)} labels"
        )
    return labels


def _visible(token: str) -> str:
    """A label with nothing invisible in it and nothing that joins its neighbours."""
    if not token:
        return "∅"
    text = token[:_MAX_LABEL_LENGTH] + "…" * (len(token) > _MAX_LABEL_LENGTH)
    if unicodedata.category(text[0]).startswith("M"):
        text = "\N{DOTTED CIRCLE}" + text
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    if character == " ":
        return "\N{OPEN BOX}"
    # Controls, unassigned code points and other spaces: nothing to see.
    if unicodedata.category(character)[0] in "CZ":
        return _code_point(character)
    return character


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _fonts(text: str) -> tuple[list[str], set[str]]:
    """Families of fonts that write a text, and the characters that none has."""
    from matplotlib import font_manager, rcParams

    def missing_from(path: str) -> set[str]:
        characters = font_manager.get_font(path).get_charmap()
        return {character for character in missing if ord(character) not in characters}

    families, missing = list(rcParams["font.family"]), set(text)
    missing = missing_from(font_manager.findfont(font_manager.FontProperties()))
    for entry in font_manager.fontManager.ttflist if missing else ():
        # That one has a picture of the script's name for every character there is.
        if entry.name.startswith("Last Resort"):
            continue
        left = missing_from(entry.fname)
        if left != missing:
            families.append(entry.name)
            missing = left
        if not missing:
            break
    return families, missing
