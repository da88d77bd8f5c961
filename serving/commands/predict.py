"""``predict``: asks a running server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from serving.client.client import Client
from serving.client.values import Prediction
from serving.commands import model_options
from serving.commands.input_lines import input_lines
from serving.commands.target import add_target, client
from serving.errors import SignatureNotFound

HELP = "ask a model, one answer per line"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    add_target(parser)
    model_options.add_option(parser)
    parser.add_argument(
        "--json", action="store_true", help="everything there is, as JSON lines"
    )
    parser.add_argument(
        "text", nargs="*", help="texts; lines of standard input when there are none"
    )


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Prints an answer per text."""
    texts = options.text or input_lines()
    with client(options) as asked:
        chosen = model_options.values(options, asked, "predict_with_options")
        if options.json:
            answers = _aligned(asked, texts, chosen)
            for text, prediction in zip(texts, answers, strict=True):
                print(json.dumps(_as_json(text, prediction), ensure_ascii=False))
        else:
            for prediction in asked.predict(texts, chosen or None):
                print(prediction.text)
    return 0


def _aligned(
    asked: Client, texts: list[str], chosen: dict[str, Any]
) -> list[Prediction]:
    try:
        return asked.align(texts, chosen or None)
    except SignatureNotFound:
        return asked.predict(texts, chosen or None)


def _as_json(text: str, prediction: Prediction) -> dict[str, Any]:
    found: dict[str, Any] = {
        "source": text,
        "text": prediction.text,
        "log_prob": prediction.log_prob,
    }
    if prediction.alignment is not None:
        found["tokens"] = prediction.tokens
        found["source_tokens"] = prediction.source_tokens
        found["source_offsets"] = prediction.source_offsets
        found["alignment"] = prediction.alignment.tolist()
    return found
