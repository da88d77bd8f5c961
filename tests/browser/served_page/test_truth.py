"""What is highlighted is what the model looked at most, byte by byte."""

from __future__ import annotations

import random

import numpy as np

from tests.browser.served_page.conftest import types

PREDICTIONS = 100
#: Known letters, decomposed and composed accents, marks alone, pictures of one and of
#: several code points, other scripts and directions, unknown signs.
PIECES = (
    *"desrtawi  ",
    *("e\u0301", "\u00e9", "o\u0302\u0323", "\u1ed9", "\u0301"),
    *("\U0001f642", "\U0001f469\u200d\U0001f680", "\U0001f1ea\U0001f1fa"),
    *("\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u092e\u093f"),
    *("\u6771\u4eac", "\U00020bb7", "\uff46", "\ufb01", "\x01", "<", "&", "\n"),
)

_HIGHLIGHTED = """() => [...document.getElementById("tokens").children].map((token) => {
    token.focus();
    const ranges = [...CSS.highlights.get("peak")];
    return {
        places: ranges.map(({ startOffset, endOffset }) => [startOffset, endOffset]),
        nodes: ranges.every(({ startContainer, endContainer }) =>
            startContainer === endContainer &&
            startContainer === document.getElementById("source").firstChild),
        end: document.getElementById("end").classList.contains("peak"),
    };
})"""


def byte_place(text: str, units: int) -> int:
    """Bytes of UTF-8 before a place that is counted in UTF-16 units."""
    before = text.encode("utf-16-le")[: 2 * units].decode("utf-16-le")
    return len(before.encode())


def test_the_largest_weight_is_highlighted(page):
    chance = random.Random(7)
    texts = {"e\u0301t\u00e9 \U0001f642"}
    while len(texts) < PREDICTIONS:
        texts.add("".join(chance.choices(PIECES, k=chance.randint(1, 9))))
    kinds = set()
    for text in sorted(texts):
        found = types(page, text)
        shown = page.evaluate(_HIGHLIGHTED)
        assert len(shown) == found["length"]
        for t, one in enumerate(shown):
            best = int(np.argmax(found["alignment"][t][: found["source_length"]]))
            span = [found[f"source_{side}"][best] for side in ("start", "end")]
            places = [[byte_place(text, unit) for unit in p] for p in one["places"]]
            is_end = span[0] == span[1]
            assert one["nodes"] and one["end"] == is_end, text
            assert places == ([] if is_end else [span]), text
            if places:
                kinds.add(text.encode()[span[0] : span[1]].decode())
    # Letters, accents with their letter, and what is no single UTF-16 unit.
    assert {len(kind.encode()) for kind in kinds} >= {1, 2, 3, 4}
