"""``status``: versions of a model and their states."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence

from serving.commands.shared_arguments import add_target, client

HELP = "show the versions of a model and their states"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    add_target(parser)
    parser.add_argument("--json", action="store_true", help="as JSON lines")


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Prints a line per version; 0 if one is available, else 1."""
    with client(options) as asked:
        versions = asked.status()
    for version in versions:
        if options.json:
            print(json.dumps(dataclasses.asdict(version)))
        else:
            words = (str(version.version), version.state, version.error_message)
            print("\t".join(words).rstrip())
    return 0 if any(version.state == "AVAILABLE" for version in versions) else 1
