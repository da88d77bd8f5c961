"""``predict``: the answer to each text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from serving.client.signature_contract import WITH_OPTIONS
from serving.commands import shared_arguments
from serving.errors import SignatureNotFound

HELP = "ask a model, one answer per line"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    shared_arguments.add_target(parser)
    shared_arguments.add_model_options(parser)
    parser.add_argument(
        "--json", action="store_true", help="everything there is, as JSON lines"
    )
    shared_arguments.add_columns(parser)
    shared_arguments.add_texts(parser)


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Prints an answer per text."""
    texts = shared_arguments.texts(options)
    inputs = shared_arguments.by_input(options, texts)
    with shared_arguments.client(options) as asked:
        chosen = shared_arguments.model_options(options, asked, WITH_OPTIONS)
        if not options.json:
            for prediction in asked.predict(inputs, chosen):
                print(prediction.text)
            return 0
        try:
            predictions = asked.align(inputs, chosen)
        except SignatureNotFound:
            predictions = asked.predict(inputs, chosen)
    for text, prediction in zip(texts, predictions, strict=True):
        line = {"source": text, **vars(prediction)}
        if prediction.alignment is None:
            line = {name: line[name] for name in ("source", "text", "log_prob")}
        else:
            line["alignment"] = prediction.alignment.tolist()
        print(json.dumps(line, ensure_ascii=False))
    return 0
