"""``n-best``: several answers to each text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from serving.commands import model_options
from serving.commands.input_lines import input_lines
from serving.commands.target import add_target, client

HELP = "ask a model for several answers, best first"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    add_target(parser)
    model_options.add_option(parser)
    parser.add_argument("--json", action="store_true", help="a JSON line per text")
    parser.add_argument(
        "text", nargs="*", help="texts; lines of standard input when there are none"
    )


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Prints a line per answer: number of the text, log-probability, answer."""
    texts = options.text or input_lines()
    with client(options) as asked:
        chosen = model_options.values(options, asked, "n_best")
        lists = asked.n_best(texts, chosen or None)
    for number, (text, found) in enumerate(zip(texts, lists, strict=True)):
        if options.json:
            answers = [{"text": one.text, "log_prob": one.log_prob} for one in found]
            line = {"source": text, "answers": answers}
            print(json.dumps(line, ensure_ascii=False))
            continue
        for one in found:
            print(f"{number}\t{one.log_prob:.4f}\t{one.text}")
    return 0
