"""Log of calls: one line each, for people or for machines; never their content."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from serving.server.observability.call_record import CallRecord

_LOG = logging.getLogger("serving.calls")

FORMATS = ("text", "json")


def log_call(call: CallRecord) -> None:
    """Logs one call at level INFO."""
    found: dict[str, Any] = {
        "method": call.method,
        "entrypoint": call.entrypoint,
        "model": call.model,
        "version": call.version,
        "signature": call.signature,
        "rows": call.rows,
        "code": call.code.name,
        "milliseconds": round(call.seconds * 1000, 3),
    }
    words = (f"{name}={_word(value)}" for name, value in found.items())
    _LOG.info("call %s", " ".join(words), extra={"call": found})


def _word(value: Any) -> str:
    """A value without spaces or line breaks; names come from clients."""
    if value is None:
        return "-"
    text = str(value)
    plain = text.isprintable() and not set(text) & set(' "=')
    return text if plain and text else json.dumps(text)


class JsonFormatter(logging.Formatter):
    """A JSON object a line: ``time``, ``level``, ``message``, and those of a call."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname,
        }
        call = getattr(record, "call", None)
        line |= call if call is not None else {"message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def formatter(name: str) -> logging.Formatter:
    """The formatter of that name; see ``FORMATS``."""
    if name == "json":
        return JsonFormatter()
    return logging.Formatter("%(levelname)s %(message)s")
