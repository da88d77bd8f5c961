"""JSON of every size is read alike, and large ones do not lock others out."""

from __future__ import annotations

import json
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.refusal import Refusal
from serving.server.rest import json_parser

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, -(10**310), 1e308]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["a", "b", "é"]), inner, max_size=3)
    ),
    max_leaves=20,
)
PIECES = st.sampled_from(
    [*'[]{},:"', "1", "-", "1e999", "NaN", "tru", " ", "\\", '"a"', ",,", "\\ud800"]
)


@st.composite
def texts(draw):
    """JSON, and what is nearly so."""
    text = json.dumps({"inputs": draw(VALUES)}, ensure_ascii=draw(st.booleans()))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(PIECES) + text[place + draw(st.integers(0, 2)) :]
    return text


def outcome(body):
    try:
        return repr(json_parser.parse(body))
    except Refusal as refusal:
        return str(refusal)


@settings(max_examples=400, deadline=None)
@given(texts())
def test_large_documents_are_read_like_small_ones(text):
    body = text.encode("utf-8", "surrogatepass")
    expected = outcome(body)
    swift = json_parser._SWIFT_ITEMS
    json_parser._SWIFT_ITEMS = -1
    try:
        assert outcome(body) == expected
    finally:
        json_parser._SWIFT_ITEMS = swift


@pytest.mark.parametrize(
    "end", ["]}", ",]}", "", ",", ", 1 2]}", ", 1e999]}", ", x]}", ', "a", [1]]}', "}}"]
)
def test_long_lists_are_read_to_the_end(end):
    """Longer than a piece of them, with whatever comes at the end."""
    head = '{"inputs": [' + ", ".join(map(str, range(30_000)))
    assert len(head) > 2 << 16
    body = (head + end).encode()
    assert len(body) < json_parser._SWIFT_BYTES
    expected = outcome(body)
    swift = json_parser._SWIFT_ITEMS
    json_parser._SWIFT_ITEMS = -1
    try:
        assert outcome(body) == expected
    finally:
        json_parser._SWIFT_ITEMS = swift


def test_too_many_escapes_are_refused():
    body = b'{"inputs": ["' + b"\\n" * (json_parser.MAX_ITEMS + 1) + b'"]}'
    with pytest.raises(Refusal, match="at most 2097152 JSON escapes"):
        json_parser.parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": ["' + b"x" * (4 << 20) + b'" 1]}',
        b'{"inputs": [' + (b"1" * 299 + b",") * 3000 + b"0]}",
        b'{"inputs": [' + b"1," * 300_000 + b"0]}",
        b'{"inputs": {"x": [' + b'{"a":"\\n"},' * 30_000 + b"}",
    ],
    ids=["a string", "long numbers", "many numbers", "many objects"],
)
def test_other_threads_go_on(body):
    """None of these takes time that grows faster than the text."""
    longest, done = [0.0], threading.Event()

    def watch():
        last = time.perf_counter()
        while not done.wait(0.001):
            now = time.perf_counter()
            longest.append(now - last)
            last = now

    thread = threading.Thread(target=watch)
    thread.start()
    outcome(body)
    done.set()
    thread.join()
    # Over a second before, and little on an idle machine now.
    assert max(longest) < 0.5
