"""JSON text to values, with RapidJSON's words where it is malformed."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from serving.server.refusal import invalid
from serving.server.rest import json_body

#: Lists and objects may hold so many items in all, and strings so many escapes; each
#: takes up to 72 bytes here.
MAX_ITEMS = 1 << 21
# Up to here the parser that locks out all other threads does so for a moment only.
_SWIFT_ITEMS, _SWIFT_BYTES = 1 << 16, 1 << 20
#: Quoted values are cut in messages; TF Serving sends the whole document back.
_QUOTED_CHARACTERS = 1024

_TOO_DEEP = "JSON Parse error: The document is nested too deep"
_TOO_BIG = "Number too big to be stored in double."
# Only numbers written like this can exceed a double, or Python's limit for int().
_LONG_NUMBER = re.compile(r"[eE]\+?[0-9]{3}|(?<![0-9])[0-9]{300}")
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]')

#: json's words, and RapidJSON's.
_WORDS = (
    ("Expecting value", "Invalid value."),
    ("Expecting property name", "Missing a name for object member."),
    ("Illegal trailing comma before end of o", "Missing a name for object member."),
    ("Illegal trailing comma before end of a", "Invalid value."),
    ("Expecting ':'", "Missing a colon after a name of object member."),
    ("Extra data", "The document root must not be followed by other values."),
    ("Unterminated string", "Missing a closing quotation mark in string."),
    ("Invalid \\uXXXX", "Incorrect hex digit after \\u escape in string."),
    ("Invalid \\escape", "Invalid escape character in string."),
    ("Invalid control", "Invalid encoding in string."),
)


def parse(body: bytes) -> dict[str, Any]:
    """The object that a request's body holds.

    Like TF Serving, takes the bare tokens ``NaN``, ``Infinity`` and ``-Infinity``, and
    the first of several values of one name. Unlike TF Serving, refuses text that is not
    UTF-8, and bounds nesting and the number of items.

    Raises:
        Refusal: With TF Serving's message.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _fail("Invalid encoding in string.", error.start)
    if not text.strip(" \t\r\n"):
        raise invalid("JSON Parse error: The document is empty")
    items = body.count(b",") + body.count(b"[") + body.count(b"{")
    if items > MAX_ITEMS:
        raise invalid(f"expected at most {MAX_ITEMS} JSON items, received {items}")
    escapes = body.count(b"\\")
    if escapes > MAX_ITEMS:
        raise invalid(f"expected at most {MAX_ITEMS} JSON escapes, received {escapes}")
    is_small = items <= _SWIFT_ITEMS and len(body) <= _SWIFT_BYTES
    try:
        if is_small:
            value = _swift(text)
        else:
            value = json_body.parse(
                text,
                _swift,
                object_pairs_hook=_first_wins,
                parse_int=_integer,
                parse_float=_decimal,
            )
    except json.JSONDecodeError as error:
        # RapidJSON sees that a string has no end where the text ends.
        end = None if error.msg.startswith("Unterminated") else error.pos
        _fail(_words(error), len(text[:end].encode("utf-8")))
    except RecursionError:
        raise invalid(_TOO_DEEP) from None
    if "\\u" in text:
        _check_pairs(value)
    if not isinstance(value, dict):
        raise invalid(f"JSON Value: {quote(value)} Is not object")
    return value


def quote(value: Any) -> str:
    """A value as TF Serving shows it in messages, cut where it is long."""
    text = ""
    try:
        for piece in json.JSONEncoder(indent=4, ensure_ascii=False).iterencode(value):
            text += piece
            if len(text) > _QUOTED_CHARACTERS:
                return f"{text[:_QUOTED_CHARACTERS]}...TRUNCATED"
    except RecursionError:
        return "..."
    return text


def type_name(value: Any) -> str:
    """RapidJSON's name of a value's type."""
    if isinstance(value, bool):
        return "True" if value else "False"
    if value is None:
        return "Null"
    if isinstance(value, str):
        return "String"
    if isinstance(value, list):
        return "Array"
    return "Object" if isinstance(value, dict) else "Number"


def _swift(text: str) -> Any:
    hooks: dict[str, Any] = {}
    if _LONG_NUMBER.search(text):
        hooks = {"parse_int": _integer, "parse_float": _decimal}
    return json.loads(text, object_pairs_hook=_first_wins, **hooks)


def _fail(words: str, offset: int) -> NoReturn:
    raise invalid(f"JSON Parse error: {words} at offset: {offset}") from None


def _words(error: json.JSONDecodeError) -> str:
    for theirs, ours in _WORDS:
        if error.msg.startswith(theirs):
            return ours
    # What is left is "Expecting ',' delimiter".
    if _inside_object(error.doc, error.pos):
        return "Missing a comma or } after an object member."
    return "Missing a comma or ] after an array element."


def _inside_object(text: str, end: int) -> bool:
    """Whether the innermost bracket that is open at ``end`` is a brace."""
    open_brackets = []
    for token in _BRACKETS.finditer(text, 0, end):
        if token[0] in "[{":
            open_brackets.append(token[0])
        elif token[0] in "]}":
            open_brackets.pop()
    return open_brackets[-1] == "{"


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


def _integer(digits: str) -> int | float:
    if len(digits) <= 300:
        return int(digits)
    return _decimal(digits)


def _decimal(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise invalid(f"JSON Parse error: {_TOO_BIG}")
    return value


def _check_pairs(value: Any) -> None:
    """Half a surrogate pair cannot be encoded; RapidJSON refuses it as well."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            try:
                item.encode("utf-8")
            except UnicodeEncodeError:
                raise invalid(
                    "JSON Parse error: The surrogate pair in string is invalid."
                ) from None
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
