"""``export``: a version for TF Serving."""

import argparse
from pathlib import Path

from keras_attention.recipes.commands import shared_arguments

HELP = "write a SavedModel that TF Serving loads"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    shared_arguments.add_model(parser)
    parser.add_argument(
        "base", type=Path, help="the directory whose numbered directories are versions"
    )
    parser.add_argument("--version", type=int, help="the highest there is plus one")
    parser.add_argument("--max-beam-size", type=int, default=10)


def run(options: argparse.Namespace) -> int:
    """Prints the directory of the version."""
    pipeline = shared_arguments.load_model(options)
    print(pipeline.export(options.base, options.version, options.max_beam_size))
    return 0
