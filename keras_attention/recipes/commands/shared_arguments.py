"""Arguments that several commands have."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from keras_attention.generation import GenerationOptions
from keras_attention.generation.options.option_table import OPTIONS
from keras_attention.recipes import training_pairs
from keras_attention.recipes.recipe import Column, Data, Recipe, read_recipe
from keras_attention.recipes.training import MODEL, RECIPE
from keras_attention.text import Pair
from keras_attention.text.pair_files import every_line
from keras_attention.text_to_text import TextToText

_LINES_AT_ONCE = 1024
_PLAIN = [option for option in OPTIONS.values() if option.kind != "ids"]


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds the model that is asked."""
    parser.add_argument(
        "model", type=Path, help=f"what train wrote: a directory, or its {MODEL}"
    )


def load_model(options: argparse.Namespace) -> TextToText:
    """The pipeline that a command is to work with.

    Raises:
        ValueError: There is none.
    """
    path = options.model / MODEL if options.model.is_dir() else options.model
    if not path.exists():
        raise ValueError(f"There is no model. Expected: {path}, as train writes it")
    return TextToText.load(path, compile=False)


def recipe_of(options: argparse.Namespace) -> Recipe | None:
    """The recipe beside a model, where there is one."""
    path = (options.model if options.model.is_dir() else options.model.parent) / RECIPE
    return read_recipe(path) if path.exists() else None


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds how files of pairs are read."""
    group = parser.add_argument_group("data")
    group.add_argument("--format", choices=("tsv", "parallel", "lexicon"))
    group.add_argument(
        "--source", type=_column, metavar="COLUMN", help="number from 0, or name"
    )
    group.add_argument("--target", type=_column, metavar="COLUMN")
    group.add_argument(
        "--features", type=_column, metavar="COLUMN", help="features of the source"
    )
    group.add_argument("--encoding")


def data_settings(options: argparse.Namespace, data: Data) -> Data:
    """How files are read, by the options where they say so."""
    given = {
        name: getattr(options, name)
        for name in ("format", "source", "target", "features", "encoding")
        if getattr(options, name) is not None
    }
    return Data(
        **{name: getattr(data, name) for name in data.__struct_fields__} | given
    )


def read_pairs(files: list[Path], data: Data) -> list[Pair]:
    """The pairs of files; an empty one is an error."""
    pairs = training_pairs.read(data, files)
    if not pairs:
        raise ValueError(f"{', '.join(map(str, files))}: expected pairs, received none")
    return pairs


def training_data(
    options: argparse.Namespace, given: Recipe | None
) -> tuple[Data, list[Pair], list[Pair] | None]:
    """How files are read, the pairs to train with, and those to choose by if given."""
    data = data_settings(options, given.data if given else Data())
    development = None
    if options.development:
        development = read_pairs(options.development, data)
    return data, read_pairs(options.files, data), development


def _column(text: str) -> Column:
    return int(text) if text.isdecimal() else text


def add_generation(parser: argparse.ArgumentParser) -> None:
    """Adds the options of generation that are one number or a switch."""
    group = parser.add_argument_group("generation (see ka.GenerationOptions)")
    for option in _PLAIN:
        flag, words = (
            f"--{option.name.replace('_', '-')}",
            option.doc.replace("%", "%%"),
        )
        if option.kind == "boolean":
            group.add_argument(flag, action="store_const", const=True, help=words)
        else:
            kind = float if option.kind == "number" else int
            group.add_argument(flag, type=kind, metavar=kind.__name__, help=words)


def generation_options(options: argparse.Namespace) -> GenerationOptions:
    """What was asked for, the rest by default."""
    found = {option.name: getattr(options, option.name) for option in _PLAIN}
    return GenerationOptions(**{k: v for k, v in found.items() if v is not None})


def add_texts(parser: argparse.ArgumentParser) -> None:
    """Adds the texts of a command, one a line."""
    parser.add_argument(
        "file", nargs="?", default="-", help="texts, one a line; - is standard input"
    )


def lines(file: str, encoding: str = "utf-8") -> Iterator[list[str]]:
    """Lines in their order, some at a time.

    Raises:
        ValueError: A line cannot be decoded.
    """
    every = every_line(sys.stdin.buffer if file == "-" else file, encoding)
    for first in range(0, len(every), _LINES_AT_ONCE):
        yield every[first : first + _LINES_AT_ONCE]
