"""``train``: from files of pairs to a model."""

import argparse
import sys
from pathlib import Path

from keras_attention.recipes import training_pairs
from keras_attention.recipes.commands import shared_arguments
from keras_attention.recipes.defaults import recipe_for
from keras_attention.recipes.recipe import (
    Data,
    Recipe,
    as_table,
    as_toml,
    read_recipe,
    recipe_from,
    with_settings,
)
from keras_attention.recipes.training import MODEL, RECIPE, train
from keras_attention.text import Pair

HELP = "train a model on pairs of texts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        help="pairs to train with; - is standard input; with --format parallel the "
        "file of the sources and that of the targets",
    )
    parser.add_argument("--output", type=Path, required=True, help="a new directory")
    parser.add_argument("--recipe", type=Path, help=f"a {RECIPE}")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a value of the recipe, as training.epochs=10; may be repeated",
    )
    parser.add_argument(
        "--development",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="pairs to choose by; without it some sources are kept from training",
    )
    parser.add_argument(
        "--features-encoder",
        action="store_true",
        help="make --features an input of their own, not symbols of the source",
    )
    parser.add_argument("--ensemble", type=int, help="models to train and average")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--resume", action="store_true", help="go on with what --output holds"
    )
    parser.add_argument(
        "--print-recipe", action="store_true", help="show the recipe and end"
    )
    parser.add_argument("--tensorboard", type=Path, metavar="DIR")
    shared_arguments.add_data(parser)


def run(options: argparse.Namespace) -> int:
    """Trains, and says where the model is."""
    given = _given(options)
    data, pairs, development = shared_arguments.training_data(options, given)
    recipe = recipe_of_data(options, given, data, pairs)
    if options.print_recipe:
        print(as_toml(recipe), end="")
        return 0
    callbacks = []
    if options.tensorboard:
        import keras

        callbacks.append(keras.callbacks.TensorBoard(options.tensorboard))
    print(as_toml(recipe))
    try:
        train(
            pairs,
            development,
            recipe,
            options.output,
            options.resume,
            say=_say,
            callbacks=callbacks,
            verbose=1 if sys.stderr.isatty() else 0,
        )
    except KeyboardInterrupt:
        _say(_interrupted(options.output))
        return 130
    _say(f"the model of the best epoch is {options.output / MODEL}")
    return 0


def _given(options: argparse.Namespace) -> Recipe | None:
    """The recipe that was given, or that of the run which is resumed."""
    if options.recipe:
        return read_recipe(options.recipe)
    left = options.output / RECIPE
    return read_recipe(left) if options.resume and left.exists() else None


def recipe_of_data(
    options: argparse.Namespace, given: Recipe | None, data: Data, pairs: list[Pair]
) -> Recipe:
    if options.recipe and options.features_encoder:
        raise ValueError(
            "--features-encoder is for a recipe that follows from the data"
        )
    recipe = given or recipe_for(
        training_pairs.usable(pairs).pairs, data, options.features_encoder
    )
    table = as_table(recipe)
    table["data"] = {name: getattr(data, name) for name in data.__struct_fields__}
    for name in ("ensemble", "epochs", "seed"):
        if getattr(options, name) is not None:
            table["training"][name] = getattr(options, name)
    return with_settings(recipe_from(table), options.set)


def _interrupted(output: Path) -> str:
    kept = sorted(output.glob(f"**/{MODEL}"))
    found = f"the best model so far is {kept[-1]}" if kept else "no epoch was finished"
    return f"interrupted: {found}; --resume goes on after the last whole epoch"


def _say(line: str) -> None:
    print(line, flush=True)
