"""The command line: ``python -m keras_attention train``, ``predict`` and the others."""

import argparse
import sys
from collections.abc import Sequence

_PROGRAM = "keras-attention"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Words after the program's name; those of the process by default.

    Returns:
        The exit status: 0, or 1 after an error, which is one line on stderr.
    """
    from keras_attention.recipes.commands import COMMANDS

    parser = argparse.ArgumentParser(
        prog=_PROGRAM, description="Train models on pairs of texts, and use them."
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        subparser = subparsers.add_parser(
            name, help=module.HELP, description=module.HELP, allow_abbrev=False
        )
        module.add_arguments(subparser)
    options = parser.parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"{_PROGRAM}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
