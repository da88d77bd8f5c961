"""``score``: log-probabilities of given answers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from serving.commands.input_lines import input_lines
from serving.commands.shared_arguments import add_columns, add_target, by_input, client

HELP = "say how probable given answers are"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    add_target(parser)
    add_columns(parser)
    parser.add_argument("--json", action="store_true", help="token by token, as JSON")
    parser.add_argument(
        "text",
        nargs="*",
        metavar="TEXT TARGET",
        help="pairs; lines of standard input, with tabs between, when there are none",
    )


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Prints a log-probability per pair.

    Raises:
        ServingError: The model cannot be asked.
        ValueError: Something is no pair.
    """
    pairs = _pairs(options.text, len(options.columns or [""]))
    texts, targets = [text for text, _ in pairs], [target for _, target in pairs]
    inputs = by_input(options, texts)
    with client(options) as asked:
        scores = asked.score(inputs, targets)
    for (text, target), score in zip(pairs, scores, strict=True):
        if options.json:
            line = {
                "source": text,
                "target": target,
                "log_prob": score.log_prob,
                "tokens": score.tokens,
                "token_log_probs": score.token_log_probs.tolist(),
            }
            print(json.dumps(line, ensure_ascii=False))
        else:
            print(f"{score.log_prob:.4f}")
    return 0


def _pairs(words: Sequence[str], columns: int) -> list[tuple[str, str]]:
    if len(words) % 2:
        raise ValueError(
            "texts must be followed by their targets. Expected: pairs. "
            f"Received: {len(words)} words"
        )
    if words:
        return list(zip(words[::2], words[1::2], strict=True))
    pairs = []
    for number, line in enumerate(input_lines(), 1):
        *text, target = line.split("\t", columns)
        if len(text) < columns:
            raise ValueError(
                f"line {number} must be a pair. Expected: TEXT, a tab and TARGET. "
                f"Received: {line!r}"
            )
        pairs.append(("\t".join(text), target))
    return pairs
