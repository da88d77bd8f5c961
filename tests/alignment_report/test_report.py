"""What a report holds, and what it refuses. How it looks: tests/browser."""

from types import SimpleNamespace

import numpy as np
import pytest

from alignment_report import write_report
from alignment_report.source_pieces import source_pieces
from tests.alignment_report.reading import report_rows


def prediction(tokens, source_tokens, offsets, alignment, **fields):
    return SimpleNamespace(
        text="".join(tokens),
        log_prob=-1.0,
        tokens=tokens,
        source_tokens=source_tokens,
        source_offsets=offsets,
        alignment=alignment,
        **fields,
    )


@pytest.mark.parametrize(
    "text, offsets",
    [
        ("abc", [(0, 1), (1, 2), (2, 3), (3, 3)]),
        ("e\u0301x", [(0, 3), (3, 4), (4, 4)]),
        # Both letters of a ligature, tokens out of order, bytes of no token, no token.
        ("ﬁn", [(0, 3), (0, 3), (3, 4)]),
        ("🙂 ab", [(5, 7), (0, 4), (7, 7)]),
        ("ab", [(0, 2), (1, 2), (0, 1)]),
        ("", [(0, 0)]),
        ("ab", []),
        ("ab", [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)]),
    ],
)
def test_pieces_of_a_token_are_its_bytes(text, offsets):
    raw = text.encode()
    found = source_pieces(raw, [f"t{i}" for i in range(len(offsets))], offsets)
    assert "".join(piece for piece, _ in found.pieces) == text
    for token, ((start, end), (first, last)) in enumerate(
        zip(offsets, found.spans, strict=True)
    ):
        covered = "".join(piece for piece, _ in found.pieces[first:last])
        before = "".join(piece for piece, _ in found.pieces[:first])
        assert covered.encode() == raw[start:end]
        assert len(before.encode()) == start
        if start == end:
            assert found.pieces[first] == ("", f"t{token}")


def test_weights_are_kept_to_a_255th_of_the_largest(tmp_path):
    weights = np.random.default_rng(0).random((7, 3)) * 3
    one = prediction(list("abcdefg"), list("xyz"), [(0, 1), (1, 2), (2, 3)], weights)
    write_report(tmp_path / "a.html", ["xyz"], [one])
    (row,) = report_rows(tmp_path / "a.html")
    error = np.abs(row["weights"] * row["scale"] / 255 - weights)
    assert error.max() <= weights.max() / 510 + 1e-9
    assert row["most"] == weights.argmax(axis=1).tolist()


def test_what_does_not_fit_is_refused_by_its_place(tmp_path):
    good = prediction(["a"], ["x"], [(0, 1)], np.ones((1, 1)))
    path = tmp_path / "a.html"
    for wrong, message in (
        (prediction(["a"], ["x"], [(0, 1)], np.ones((2, 1))), r"`alignment`.*\(2, 1\)"),
        (prediction(["a"], ["x"], [], np.ones((1, 1))), "`source_offsets`.*: 0"),
        (
            prediction(["a"], ["x"], [(0, 9)], np.ones((1, 1))),
            r"`source_offsets`.* lie in.*\(0, 9\)",
        ),
    ):
        with pytest.raises(ValueError, match=f"^prediction 1: {message}"):
            write_report(path, ["x", "x"], [good, wrong])
    with pytest.raises(ValueError, match="`errors` must be as many.*: 2. Received: 1"):
        write_report(path, ["x", "x"], [good, good], errors=[1.0])
    assert not path.exists()
