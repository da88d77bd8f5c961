"""Bodies as JSON: what is read, what is refused, and that others go on meanwhile."""

from __future__ import annotations

import json
import math
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.refusal import Refusal
from serving.server.rest import json_parsing
from serving.server.rest.json_parsing import parse

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["a", "b", "é"]), inner, max_size=3)
    ),
    max_leaves=20,
)


def rounded(value):
    """A value as TF Serving holds it: integers beyond 64 bits are decimals."""
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    is_large = isinstance(value, int) and not -(1 << 63) <= value < 1 << 64
    return float(value) if is_large else value


@settings(max_examples=300, deadline=None)
@given(VALUES, st.booleans())
def test_values_are_read_as_they_were_written(value, ascii_only):
    """NaN and infinities are among them, and integers of any size."""
    body = json.dumps({"inputs": value}, ensure_ascii=ascii_only).encode()
    assert repr(parse(body)) == repr({"inputs": rounded(value)})


def test_numbers():
    text = b"[9223372036854775807, 18446744073709551615, 18446744073709551616, 1.0, -0]"
    for more in (b"", b', "end": NaN'):  # with and without what is no JSON proper
        numbers = parse(b'{"inputs": ' + text + more + b"}")["inputs"]
        assert list(map(type, numbers)) == [int, int, float, float, int]
        assert numbers[:3] == [(1 << 63) - 1, (1 << 64) - 1, 2.0**64]
    found = parse(b'{"a": [NaN, Infinity, -Infinity], "NaN": "Infinity"}')
    assert math.isnan(found["a"][0]) and found["a"][1:] == [math.inf, -math.inf]
    assert found["NaN"] == "Infinity"


def test_a_byte_order_mark_is_passed_over():
    assert parse(b'\xef\xbb\xbf{"inputs": [NaN]}').keys() == {"inputs"}


def test_the_last_of_one_name_counts():
    for more in (b"1", b"NaN"):
        assert parse(b'{"a": ' + more + b', "a": 2}') == {"a": 2}


MALFORMED = {
    "no JSON": b"x",
    "cut": b'{"inputs": ["\xc3\xa9',
    "no comma": b'{"inputs": ["{" "b"]}',
    "a comma too many": b'{"inputs": [1,]}',
    "no name": b"{1: 2}",
    "no colon": b'{"a" 1}',
    "more": b"{} {}",
    "half a pair": b'{"inputs": ["\\ud800"]}',
    "half a pair as a name": b'{"\\udc00": 1}',
    "large number": b'{"inputs": [1e999]}',
    "endless integer": b'{"inputs": [%s]}' % (b"9" * 5000),
    "no UTF-8": b'{"inputs": ["\xff"]}',
    "half a character": b'{"inputs": ["\xc3"]}',
    "control character": b'{"inputs": ["\n"]}',
    "escape": b'{"inputs": ["\\x"]}',
    "deep": b'{"inputs": %s}' % (b"[" * 100_000 + b"]" * 100_000),
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "nothing but brackets": b"[" * 100_000,
}


@pytest.mark.parametrize("constant", [b"", b" NaN"], ids=["", "with NaN"])
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_text_is_refused(name, constant):
    """By either of the two parsers; for NaN is no JSON proper."""
    body = MALFORMED[name].replace(b"{", b'{"n":[%s ],' % constant, 1)
    if not constant:
        body = MALFORMED[name]
    with pytest.raises(Refusal, match="^INVALID_ARGUMENT: JSON Parse error: ") as found:
        parse(body)
    assert len(found.value.message) < 200


@pytest.mark.parametrize("end", [b"}", b', "n": NaN}'])
def test_what_cannot_be_read_is_said_with_its_place(end):
    with pytest.raises(Refusal, match="at offset: 17$"):
        parse(b'{"inputs": ["a", x]' + end)


def test_too_many_items_are_refused():
    body = b'{"inputs": [' + b"1," * json_parsing.MAX_ITEMS + b"1]}"
    with pytest.raises(Refusal, match="Too many JSON items. Expected: at most 2097152"):
        parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": ["' + b"x" * (4 << 20) + b'" 1]}',
        b'{"inputs": [' + (b"1" * 299 + b",") * 3000 + b"0]}",
        b'{"inputs": [' + b"1," * 300_000 + b"0]}",
        b'{"inputs": [NaN,' + b"1," * 300_000 + b"0]}",
        b'{"inputs": {"x": [' + b'{"a":"\\n"},' * 30_000 + b"}",
    ],
    ids=["a string", "long numbers", "many numbers", "NaN", "many objects"],
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
    try:
        parse(body)
    except Refusal:
        pass
    done.set()
    thread.join()
    assert max(longest) < 0.5
