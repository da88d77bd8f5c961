"""Arguments that say which model of which server."""

from __future__ import annotations

import argparse

from serving.client import Client


def add_target(parser: argparse.ArgumentParser) -> None:
    """Adds ``--server``, ``--model`` and their companions."""
    parser.add_argument(
        "--server", default="127.0.0.1:8500", help="host:port (%(default)s)"
    )
    parser.add_argument("--model", required=True, help="name of the model")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="version; the newest by default")
    which.add_argument("--label", help="version label")
    parser.add_argument(
        "--timeout", type=float, default=30.0, help="seconds (%(default)s)"
    )


def client(options: argparse.Namespace) -> Client:
    """A client for what was asked for."""
    return Client(
        options.server,
        model=options.model,
        version=options.version,
        label=options.label,
        timeout=options.timeout,
    )
