"""An HTML report of predictions, one file that a browser opens from disk."""

from __future__ import annotations

import base64
import html
import json
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from alignment_report.numbers import AlignmentNumbers, alignment_numbers
from alignment_report.source_pieces import source_pieces


class AlignedTokens(Protocol):
    """What is read of an alignment: the predictions of both packages have it."""

    @property
    def tokens(self) -> Sequence[str]: ...

    @property
    def source_tokens(self) -> Sequence[str]: ...

    @property
    def alignment(self) -> Any: ...


class AlignedPrediction(AlignedTokens, Protocol):
    """What a report reads of a prediction."""

    @property
    def text(self) -> str: ...

    @property
    def log_prob(self) -> float: ...

    @property
    def source_offsets(self) -> Sequence[tuple[int, int]]: ...


def write_report(
    path: str | os.PathLike[str],
    sources: Sequence[str | bytes],
    predictions: Sequence[AlignedPrediction],
    references: Sequence[Sequence[str]] | None = None,
    errors: Sequence[float] | None = None,
    title: str = "Predictions",
) -> None:
    """Write a report that shows what each token of each prediction looked at.

    The file loads nothing, and its page may load nothing (its Content-Security-Policy).
    Under the pointer, or with the arrow keys, a target token lights up the characters
    of the original text that its source tokens came from, by byte offsets; the most
    weighted one, found before weights are rounded to 1/255 of the largest, is framed.

    Args:
        path: The file.
        sources: The texts as they were given.
        predictions: One for each, of `TextToText.predict`, `Client.align` or, without
            alignments, `Client.predict`.
        references: What is right, one or several for each source.
        errors: How wrong each prediction is, say by edit distance.
        title: Of the page.

    Raises:
        ValueError: The lists differ in length, or an alignment does not fit its tokens.
    """
    for name, given in (
        ("predictions", predictions),
        ("references", references),
        ("errors", errors),
    ):
        if given is not None and len(given) != len(sources):
            raise ValueError(
                f"`{name}` must be as many as the sources. Expected: {len(sources)}. "
                f"Received: {len(given)}"
            )
    rows, blocks = [], []
    for place, (source, prediction) in enumerate(
        zip(sources, predictions, strict=True)
    ):
        try:
            row, weights = _row(source, prediction)
        except ValueError as error:
            raise ValueError(f"prediction {place}: {error}") from error
        row["references"] = list(references[place]) if references else []
        row["error"] = errors[place] if errors else None
        rows.append(row)
        blocks.append(weights.tobytes())
    text = json.dumps(
        {"graded": references is not None, "rows": rows},
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
    ).encode("utf-8", "replace")
    data = zlib.compress(len(text).to_bytes(4, "little") + text + b"".join(blocks), 6)
    folder = Path(__file__).parent
    page = (folder / "report.html").read_text("utf-8")
    # The title last: it could hold a mark.
    for mark, value in {
        "STYLE": (folder / "report.css").read_text("utf-8"),
        "SCRIPT": (folder / "report.js").read_text("utf-8"),
        "DATA": base64.b64encode(data).decode(),
        "TITLE": html.escape(title),
    }.items():
        page = page.replace(f"{{{{{mark}}}}}", value, 1)
    Path(path).write_text(page, "utf-8")


def _row(
    source: str | bytes, prediction: AlignedPrediction
) -> tuple[dict[str, Any], np.ndarray]:
    raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    tokens, source_tokens = list(prediction.tokens), list(prediction.source_tokens)
    given = prediction.alignment
    if given is None:
        tokens, source_tokens, given = [], [], np.zeros((0, 0))
    weights = np.asarray(given, "float64")
    if weights.shape != (len(tokens), len(source_tokens)):
        raise ValueError(
            f"`alignment` must be [T, S] = {[len(tokens), len(source_tokens)]}. "
            f"Received: shape {weights.shape}"
        )
    numbers = alignment_numbers(weights)
    offsets = prediction.source_offsets if source_tokens else []
    pieces, spans = source_pieces(raw, source_tokens, offsets)
    scale = float(weights.max(initial=0))
    row = {
        "pieces": pieces,
        "spans": spans,
        "source_tokens": source_tokens,
        "tokens": tokens,
        "text": prediction.text,
        "log_prob": _number(prediction.log_prob),
        "most": [int(line.argmax()) if line.any() else -1 for line in weights],
        "scale": scale,
        "alternatives": [
            (one.text, _number(one.log_prob))
            for one in getattr(prediction, "alternatives", ())
        ],
        **dict(zip(AlignmentNumbers._fields, map(_number, numbers), strict=True)),
    }
    return row, np.rint(weights * (255 / (scale or 1))).astype("uint8")


def _number(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
