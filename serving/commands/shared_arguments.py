"""Arguments of all commands that ask a model: which one, where, and about what."""

from __future__ import annotations

import argparse
import json
from typing import Any

from serving.client.certificates import Certificates
from serving.client.client import Client
from serving.client.signature_contract import with_options
from serving.client.values import Inputs
from serving.commands.input_lines import input_lines


def add_target(parser: argparse.ArgumentParser) -> None:
    """Adds ``--server``, ``--model`` and their companions."""
    flag = parser.add_argument
    flag("--server", default="127.0.0.1:8500", help="host:port (%(default)s)")
    flag("--model", required=True, help="name of the model")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="version; the newest by default")
    which.add_argument("--label", help="version label")
    flag("--timeout", type=float, default=30.0, help="seconds (%(default)s)")
    flag("--compression", choices=("deflate", "gzip"), help="of requests")
    tls = parser.add_argument_group("TLS", "any of these encrypts the connection")
    flag = tls.add_argument
    flag("--tls", action="store_true", help="trust the usual authorities of the web")
    flag("--tls_authority", metavar="FILE", help="trust this one instead, a PEM file")
    flag("--tls_key", metavar="FILE", help="private key of the client")
    flag("--tls_certificate", metavar="FILE", help="its certificates")
    flag("--tls_server_name", metavar="NAME", help="in the server's certificate")


def client(options: argparse.Namespace) -> Client:
    """A client of that server."""
    return Client(options.server, **client_arguments(options))


def client_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What both kinds of clients take besides the target.

    Raises:
        ValueError: A file cannot be read, or a key is without certificate.
    """
    names = ("model", "version", "label", "timeout", "compression")
    found = {name: getattr(options, name) for name in names}
    authority, name = options.tls_authority, options.tls_server_name
    key, chain = options.tls_key, options.tls_certificate
    if bool(key) != bool(chain):
        raise ValueError(
            "--tls_key and --tls_certificate belong together. Expected: both or none. "
            "Received: one"
        )
    if options.tls or authority or key or name:
        found["credentials"] = Certificates.read(authority, key, chain, name)
    return found


def add_texts(parser: argparse.ArgumentParser) -> None:
    """Adds the texts that a model is asked about."""
    parser.add_argument(
        "text", nargs="*", help="texts; lines of standard input when there are none"
    )


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Adds ``--columns``."""
    parser.add_argument(
        "--columns",
        type=lambda names: names.split(","),
        metavar="NAME,NAME",
        help="inputs of a model that has several; a text has them with tabs between",
    )


def by_input(options: argparse.Namespace, texts: list[str]) -> Inputs:
    """The texts, or by ``--columns`` those of each input.

    Raises:
        ValueError: A text has another number of columns.
    """
    names = options.columns
    if names is None:
        return texts
    rows = [text.split("\t") for text in texts]
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise ValueError(
                f"text {number} must have the columns of --columns, with tabs between. "
                f"Expected: {names}. Received: {row}"
            )
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def texts(options: argparse.Namespace) -> list[str]:
    """The texts of the command line or of standard input."""
    return options.text or input_lines()


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--option``."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the model; may be repeated",
    )


def model_options(
    options: argparse.Namespace, asked: Client, signature: str
) -> dict[str, Any] | None:
    """Text for options that are text, otherwise what it says as JSON; None without.

    Args:
        options: The command line.
        asked: Knows the signatures; not asked for them without any option.
        signature: That which takes the options, or the one beside it that does.

    Raises:
        ServingError: The model cannot be asked.
        ValueError: An option has no value.
    """
    if not options.option:
        return None
    signatures = asked.metadata().signatures
    signature = with_options(signature, signatures)
    inputs = signatures[signature].inputs if signature in signatures else {}
    found: dict[str, Any] = {}
    for pair in options.option:
        name, separator, value = pair.partition("=")
        if not separator:
            raise ValueError(
                f"--option must have a value. Expected: NAME=VALUE. Received: {pair!r}"
            )
        found[name] = value
        if name not in inputs or inputs[name].dtype != "DT_STRING":
            try:
                found[name] = json.loads(value)
            except json.JSONDecodeError:
                pass
    return found
