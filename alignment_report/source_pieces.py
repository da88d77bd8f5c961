"""Pieces of a text between the byte offsets of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class SourcePieces(NamedTuple):
    """A text cut at every place where a token begins or ends.

    Attributes:
        pieces: Text and label: a text of the source has no label; a token that came
            from no byte, the end of the sequence, is a label without text.
        spans: For each token its first piece and the piece after its last.
    """

    pieces: list[tuple[str, str]]
    spans: list[tuple[int, int]]


def source_pieces(
    text: bytes, tokens: Sequence[str], offsets: Sequence[tuple[int, int]]
) -> SourcePieces:
    """The pieces of a text. Tokens may overlap, and may leave bytes out.

    Raises:
        ValueError: There are not as many offsets as tokens, or one is outside the text.

    Example:

    >>> found = source_pieces(b"ab!", ["a", "b", "</s>"], [(0, 1), (1, 2), (3, 3)])
    >>> found.pieces
    [('a', ''), ('b', ''), ('!', ''), ('', '</s>')]
    >>> found.spans
    [(0, 1), (1, 2), (3, 4)]
    """
    if len(tokens) != len(offsets):
        raise ValueError(
            f"`source_offsets` must be one for each of the {len(tokens)} source "
            f"tokens. Received: {len(offsets)}"
        )
    for first, last in offsets:
        if not 0 <= first <= last <= len(text):
            raise ValueError(
                f"`source_offsets` must lie in the {len(text)} bytes of the text. "
                f"Received: {(first, last)}"
            )
    cuts = sorted({0, len(text), *(place for span in offsets for place in span)})
    empty = [token for token, span in enumerate(offsets) if span[0] == span[1]]
    pieces: list[tuple[str, str]] = []
    begins, ends, labelled = {}, {}, {}
    for place, following in zip(cuts, [*cuts[1:], len(text)], strict=True):
        ends[place] = len(pieces)
        for token in empty:
            if offsets[token][0] == place:
                labelled[token] = len(pieces)
                pieces.append(("", tokens[token]))
        begins[place] = len(pieces)
        if following > place:
            pieces.append((text[place:following].decode("utf-8", "replace"), ""))
    spans = [
        (labelled[token], labelled[token] + 1)
        if token in labelled
        else (begins[first], ends[last])
        for token, (first, last) in enumerate(offsets)
    ]
    return SourcePieces(pieces, spans)
