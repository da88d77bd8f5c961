"""The command line: ``python -m serving serve``, ``predict`` and the others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from serving.commands import load_test, n_best, predict, score, serve, status
from serving.errors import ServingError

_PROGRAM = "keras-attention-serving"
COMMANDS = {
    "serve": serve,
    "predict": predict,
    "n-best": n_best,
    "score": score,
    "status": status,
    "load": load_test,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Words after the program's name; those of the process by default.

    Returns:
        The exit status: 0, or 1 after an error, which is one line on stderr.
    """
    parser = argparse.ArgumentParser(
        prog=_PROGRAM, description="Serve exported models over gRPC, and ask them."
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        subparser = subparsers.add_parser(
            name, help=module.HELP, description=module.HELP, allow_abbrev=False
        )
        module.add_arguments(subparser)
    options, unknown = parser.parse_known_args(arguments)
    if unknown and options.command != "serve":
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        return COMMANDS[options.command].run(options, unknown)
    except (ServingError, ValueError) as error:
        print(f"{_PROGRAM}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
