"""JSON documents: bodies of requests parsed, values quoted in refusals."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from serving.server.refusal import Refusal, invalid

#: Lists and objects may hold so many items in all: each takes memory, and while they
#: are parsed no other thread runs.
MAX_ITEMS = 1 << 21
#: Quoted values are cut in messages; TF Serving sends the whole document back.
_QUOTED_CHARACTERS = 1024

_CONSTANTS = re.compile("NaN|Infinity")


def parse(body: bytes) -> dict[str, Any]:
    """The object that a request's body holds.

    Like TF Serving, takes the bare tokens ``NaN``, ``Infinity`` and ``-Infinity``, and
    integers of more than 64 bits as decimals. Unlike TF Serving, refuses text that is
    not UTF-8, bounds nesting and the number of items, and takes the last of several
    values of one name.

    Raises:
        Refusal: With TF Serving's message, but where the text is no JSON.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed(f"Invalid UTF-8, {error.reason}", error.start) from None
    if not text.strip(" \t\r\n"):
        raise invalid("JSON Parse error: The document is empty")
    items = body.count(b",") + body.count(b"[") + body.count(b"{")
    if items > MAX_ITEMS:
        raise invalid(
            f"Too many JSON items. Expected: at most {MAX_ITEMS}. Received: {items}"
        )
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not _CONSTANTS.search(text):
            raise _malformed(error.msg, error.pos) from None
        value = _with_constants(text)
    if not isinstance(value, dict):
        raise invalid(f"JSON Value: {quote(value)} Is not object")
    return value


def _with_constants(text: str) -> Any:
    """The same where there may be tokens that are no JSON, such as ``NaN``."""

    def number(digits: str) -> Any:
        return orjson.loads(digits)

    try:
        value = json.loads(text, parse_int=number, parse_float=number)
        orjson.dumps(value)  # refuses half a surrogate pair, as orjson.loads does
    except json.JSONDecodeError as error:
        raise _malformed(error.msg, error.pos) from None
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from None
    return value


def _malformed(what: str, offset: int) -> Refusal:
    return invalid(f"JSON Parse error: {what} at offset: {offset}")


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
    names: dict[type, str] = {
        type(None): "Null",
        str: "String",
        list: "Array",
        dict: "Object",
    }
    return names.get(type(value), "Number")
