"""Options of a model on the command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import Any

from serving.client.client import Client


def add_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--option``."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the model; may be repeated",
    )


def values(
    options: argparse.Namespace, asked: Client, signature: str
) -> dict[str, Any]:
    """Text for options that are text, otherwise what it says as JSON.

    Args:
        options: The command line.
        asked: Knows the signatures; not asked for them without any option.
        signature: That which takes the options.

    Raises:
        ServingError: The model cannot be asked.
        ValueError: An option has no value.
    """
    pairs = _pairs(options.option)
    if not pairs:
        return {}
    signatures = asked.metadata().signatures
    inputs = signatures[signature].inputs if signature in signatures else {}
    found: dict[str, Any] = {}
    for name, value in pairs.items():
        found[name] = value
        if name in inputs and inputs[name].dtype == "DT_STRING":
            continue
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            continue
    return found


def _pairs(written: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for pair in written:
        name, separator, value = pair.partition("=")
        if not separator:
            raise ValueError(f"--option: expected NAME=VALUE, received {pair!r}")
        pairs[name] = value
    return pairs
