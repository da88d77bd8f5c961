"""Lines of standard input, whoever wrote them."""

from __future__ import annotations

import codecs
import re
import sys

# The longer ones first: UTF-32's begins with UTF-16's.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Lines that were translated twice end in CR CR LF.
_LINE_END = re.compile(r"\r*\n|\r")


def input_lines() -> list[str]:
    """Lines without their ends, and without a byte order mark before them.

    Raises:
        ValueError: A line cannot be decoded.
    """
    data = sys.stdin.buffer.read()
    encoding = sys.stdin.encoding
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            encoding = marked
            break
    # What cannot be decoded cannot be sent either.
    errors = (sys.stdin.errors or "strict").replace("surrogateescape", "strict")
    try:
        text = data.decode(encoding, errors)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding)
        raise ValueError(
            f"standard input must be text. Expected: {encoding}. Received: byte "
            f"{data[error.start]:#04x} in line {len(_LINE_END.split(before))}"
        ) from None
    lines = _LINE_END.split(text)
    if not lines[-1]:
        lines.pop()
    return [line.removeprefix("\ufeff") for line in lines]
