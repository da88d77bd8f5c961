"""``predict``: the answer to each text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from alignment_report import write_report
from serving.client.client import Client
from serving.client.signature_contract import WITH_OPTIONS
from serving.client.values import Inputs, Prediction
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
    parser.add_argument(
        "--report",
        metavar="FILE.html",
        help="a page with every answer and what its tokens looked at",
    )
    shared_arguments.add_texts(parser)


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Prints an answer per text."""
    texts = shared_arguments.texts(options)
    inputs = shared_arguments.by_input(options, texts)
    with shared_arguments.client(options) as asked:
        chosen = shared_arguments.model_options(options, asked, WITH_OPTIONS)
        predictions = _predictions(options, asked, inputs, chosen)
    for text, prediction in zip(texts, predictions, strict=True):
        print(_as_json(text, prediction) if options.json else prediction.text)
    if options.report:
        title = f"{options.model}: {len(texts)} texts"
        write_report(options.report, texts, predictions, title=title)
    return 0


def _as_json(text: str, prediction: Prediction) -> str:
    line = {"source": text, **vars(prediction)}
    if prediction.alignment is None:
        line = {name: line[name] for name in ("source", "text", "log_prob")}
    else:
        line["alignment"] = prediction.alignment.tolist()
    return json.dumps(line, ensure_ascii=False)


def _predictions(
    options: argparse.Namespace,
    asked: Client,
    inputs: Inputs,
    chosen: dict[str, Any] | None,
) -> list[Prediction]:
    """With alignments where they are wanted and the model has any."""
    if options.json or options.report:
        try:
            return asked.align(inputs, chosen)
        except SignatureNotFound:
            pass
    return asked.predict(inputs, chosen)
