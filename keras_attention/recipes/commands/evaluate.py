"""``evaluate``: figures of a model on pairs."""

import argparse
import json
from pathlib import Path

from alignment_report import write_report
from keras_attention.recipes.commands import shared_arguments
from keras_attention.recipes.evaluation import Evaluation, evaluate, report
from keras_attention.recipes.measures import LOWER_IS_BETTER
from keras_attention.recipes.recipe import Data
from keras_attention.recipes.training import DEVELOPMENT

HELP = "measure a model on pairs that it was not trained with"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    shared_arguments.add_model(parser)
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        help=f"pairs; without any, the {DEVELOPMENT} that train kept back",
    )
    parser.add_argument(
        "--measure",
        action="append",
        choices=list(LOWER_IS_BETTER),
        help="may be repeated; without it the one that training chose by, and PER",
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="a page with every prediction and what its tokens looked at",
    )
    shared_arguments.add_data(parser)
    shared_arguments.add_generation(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the figures, errors by length, and the most frequent confusions."""
    recipe = shared_arguments.recipe_of(options)
    files, data = options.files, recipe.data if recipe else Data()
    if not files:
        # Features, where there are some, stand behind the source and a tab.
        with_features = data.features is not None
        data = Data(features=1, target=2) if with_features else Data()
        files = [options.model / DEVELOPMENT]
        if not files[0].exists():
            raise ValueError(
                f"There is no {files[0]}. Expected: files of pairs. Received: none"
            )
    pairs = shared_arguments.read_pairs(
        files, shared_arguments.data_settings(options, data)
    )
    chosen = recipe.training.metric if recipe else "wer"
    measures = options.measure or list(dict.fromkeys((chosen, "per")))
    found = evaluate(
        shared_arguments.load_model(options),
        pairs,
        measures,
        shared_arguments.generation_options(options),
    )
    print(
        json.dumps(_as_json(found), ensure_ascii=False)
        if options.json
        else report(found)
    )
    if options.report:
        write_report(
            options.report,
            found.sources,
            found.predictions,
            found.accepted,
            found.token_errors(),
            title=f"{options.model.name}: {', '.join(map(str, found.figures))}",
        )
    return 0


def _as_json(found: Evaluation) -> dict[str, object]:
    return {
        "sources": len(found.sources),
        "figures": [figure._asdict() for figure in found.figures],
        "lengths": [bucket._asdict() for bucket in found.lengths],
        "confusions": [confusion._asdict() for confusion in found.confusions],
    }
