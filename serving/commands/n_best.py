"""``n-best``: several answers to each text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from serving.client.signature_contract import N_BEST
from serving.commands import shared_arguments

HELP = "ask a model for several answers, best first"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    shared_arguments.add_target(parser)
    shared_arguments.add_model_options(parser)
    parser.add_argument("--json", action="store_true", help="a JSON line per text")
    shared_arguments.add_columns(parser)
    shared_arguments.add_texts(parser)


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Prints a line per answer: number of the text, log-probability, answer."""
    texts = shared_arguments.texts(options)
    inputs = shared_arguments.by_input(options, texts)
    with shared_arguments.client(options) as asked:
        chosen = shared_arguments.model_options(options, asked, N_BEST)
        lists = asked.n_best(inputs, chosen)
    for number, (text, found) in enumerate(zip(texts, lists, strict=True)):
        if options.json:
            answers = [{"text": one.text, "log_prob": one.log_prob} for one in found]
            line = {"source": text, "answers": answers}
            print(json.dumps(line, ensure_ascii=False))
            continue
        for one in found:
            print(f"{number}\t{one.log_prob:.4f}\t{one.text}")
    return 0
