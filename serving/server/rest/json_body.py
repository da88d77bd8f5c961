"""JSON text to values, with a turn for other threads now and then.

Python's own parser is one call into C, and while it runs no other thread does: the
largest documents would stop a server for a second. Here lists, objects and what is in
them are walked in Python, which takes turns; only strings, and stretches of a list
without lists, objects and strings in it, are left to C.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json import decoder, scanner
from typing import Any

from serving.server.refusal import Refusal

# Possessive: whatever comes next, there is nothing to go back for.
_FLAT = re.compile(r'[^\[\]{}"]{0,65536}+')


def parse(text: str, swift: Callable[[str], Any], **hooks: Any) -> Any:
    """What ``json.loads`` gives, or raises.

    Args:
        text: The document.
        swift: Parses short pieces of it.
        hooks: As for ``json.loads``.
    """
    patient = json.JSONDecoder(**hooks)

    def array(state: tuple[str, int], scan: Callable) -> tuple[list, int]:
        _, place = state
        values: list[Any] = []
        while (piece := _numbers(text, place, swift)) is not None:
            found, place = piece
            values += found
        rest, end = decoder.JSONArray((text, place), scan)  # type: ignore[attr-defined]
        if values and not rest:
            # A comma before the bracket: what was gathered is read again, and refused.
            return decoder.JSONArray(state, scan)  # type: ignore[attr-defined]
        return [*values, *rest], end

    patient.parse_array = array  # type: ignore[attr-defined]
    patient.scan_once = scanner.py_make_scanner(patient)  # type: ignore[attr-defined]
    return patient.decode(text)


def _numbers(
    text: str, place: int, swift: Callable[[str], Any]
) -> tuple[list, int] | None:
    """Values up to a comma and the place behind it; None where none can be told."""
    flat = _FLAT.match(text, place)
    end = -1 if flat is None else text.rfind(",", place, flat.end())
    if end < 0:
        return None
    try:
        values = swift(f"[{text[place:end]}]")
    except (json.JSONDecodeError, Refusal):
        return None
    return (values, end + 1) if values else None
