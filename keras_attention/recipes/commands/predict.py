"""``predict``: answers to lines of text."""

import argparse
import json
from collections.abc import Iterable
from typing import Any

from keras_attention.pipeline.prediction import Prediction
from keras_attention.recipes.commands import shared_arguments
from keras_attention.recipes.training_pairs import inputs

HELP = "answer lines of text, in their order"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    shared_arguments.add_model(parser)
    shared_arguments.add_texts(parser)
    parser.add_argument(
        "--output-format",
        choices=("text", "tsv", "json"),
        default="text",
        help="the answer alone; source, answer, log-probability and alignment in "
        "columns; or everything there is, as JSON lines",
    )
    parser.add_argument("--batch-size", type=int, default=64)
    shared_arguments.add_generation(parser)


def run(options: argparse.Namespace) -> int:
    """Prints one line for every answer."""
    asked = shared_arguments.generation_options(options)
    pipeline = shared_arguments.load_model(options)
    shown = {"text": _text, "tsv": _columns, "json": _json}[options.output_format]
    for texts in shared_arguments.lines(options.file):
        given = inputs(pipeline.input_names, texts)
        found = pipeline.predict(given, asked, options.batch_size)
        for source, prediction in zip(texts, found, strict=True):
            for line in shown(source, prediction):
                print(line)
    return 0


def _text(source: str, best: Prediction) -> Iterable[str]:
    return (one.text for one in (best, *best.alternatives))


def _columns(source: str, best: Prediction) -> Iterable[str]:
    for one in (best, *best.alternatives):
        yield "\t".join((source, one.text, f"{one.log_prob:.4f}", links(one)))


def _json(source: str, best: Prediction) -> Iterable[str]:
    line = {"source": source} | _values(best)
    line["alternatives"] = [_values(one) for one in best.alternatives]
    yield json.dumps(line, ensure_ascii=False)


def _values(one: Prediction) -> dict[str, Any]:
    found = {name: value for name, value in vars(one).items() if name != "alternatives"}
    return found | {"alignment": one.alignment.tolist()}


def links(prediction: Prediction) -> str:
    """The source token that each target token looked at most, as `source-target`."""
    most = prediction.alignment.argmax(axis=1)
    return " ".join(f"{source}-{target}" for target, source in enumerate(most))
