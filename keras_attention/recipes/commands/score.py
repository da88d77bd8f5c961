"""``score``: how probable given answers are."""

import argparse
from pathlib import Path

from keras_attention.recipes.commands import shared_arguments
from keras_attention.recipes.recipe import Data
from keras_attention.recipes.training_pairs import inputs

HELP = "print the log-probability of each pair"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    shared_arguments.add_model(parser)
    parser.add_argument(
        "files", nargs="+", type=Path, help="pairs; - is standard input"
    )
    shared_arguments.add_data(parser)


def run(options: argparse.Namespace) -> int:
    """Prints source, target and log-probability, one pair a line, in their order."""
    recipe = shared_arguments.recipe_of(options)
    data = shared_arguments.data_settings(options, recipe.data if recipe else Data())
    pairs = shared_arguments.read_pairs(options.files, data)
    pipeline = shared_arguments.load_model(options)
    sources, targets = zip(*pairs, strict=True)
    scored = pipeline.score(inputs(pipeline.input_names, sources), targets)
    for pair, one in zip(pairs, scored, strict=True):
        print("\t".join((*pair, f"{one.log_prob:.4f}")))
    return 0
