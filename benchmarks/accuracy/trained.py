"""Models of one recipe and several seeds: trained where not yet, and measured."""

import argparse
import datetime
import json
import shlex
import statistics
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras_attention as ka
from benchmarks.machine import describe
from benchmarks.report import RESULTS
from keras_attention.recipes import Recipe, train, with_settings
from keras_attention.recipes.evaluation import evaluate
from keras_attention.recipes.recipe import as_table
from keras_attention.recipes.training import MODEL, UNFINISHED
from keras_attention.text import Pair
from keras_attention.text_to_text import TextToText

Figures = dict[str, Any]
ACCURACY = RESULTS / "accuracy"


def parser(description: str, models: str) -> argparse.ArgumentParser:
    """The arguments that every table has; `--data` and others are added to them."""
    made = argparse.ArgumentParser(description=description.split("\n\n")[0])
    made.add_argument("--data", type=Path, help="where the table's files are")
    made.add_argument("--models", type=Path, default=Path("build") / models)
    made.add_argument("--seeds", type=_numbers, default=(1, 2, 3, 4, 5))
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    made.add_argument("--beam-size", type=int, default=5)
    made.add_argument("--test", action="store_true", help="look at the test set")
    return made


def models(
    folder: Path,
    recipe: Recipe,
    seeds: Sequence[int],
    pairs: Sequence[Pair],
    development: Sequence[Pair],
) -> list[TextToText]:
    """A model for each seed, out of `folder-SEED` where it was trained before."""
    return [
        _model(
            folder.with_name(f"{folder.name}-{seed}"),
            with_settings(recipe, [f"training.seed={seed}"]),
            pairs,
            development,
        )
        for seed in seeds
    ]


def figures(
    trained: Sequence[TextToText],
    pairs: Sequence[Pair],
    options: ka.GenerationOptions,
    measures: Sequence[str],
) -> Figures:
    """Each model's measures, and those of their ensemble as `ensemble_...`."""
    each = [_measured(model, pairs, options, measures) for model in trained]
    found: Figures = {name: [one[name] for one in each] for name in measures}
    if len(trained) > 1:
        together = TextToText(
            ka.Ensemble([model.model for model in trained]),
            trained[0].source_tokenizer,
            trained[0].target_tokenizer,
        )
        rates = _measured(together, pairs, options, measures)
        found |= {f"ensemble_{name}": rate for name, rate in rates.items()}
    return found


def mean_and_error(values: Sequence[float]) -> str:
    """The mean, and its standard error where there are several."""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:.2f}"
    return f"{mean:.2f} ± {statistics.stdev(values) / len(values) ** 0.5:.2f}"


def summary(found: Figures, measures: Sequence[str]) -> str:
    """A line for each measure: the mean of the models, and their ensemble."""
    lines = []
    for name in measures:
        line = f"{name} {mean_and_error(found[name])}"
        if f"ensemble_{name}" in found:
            line += f", ensemble {found[f'ensemble_{name}']:.2f}"
        lines.append(line)
    return "\n".join(lines)


def keep(
    name: str,
    options: argparse.Namespace,
    recipe: Recipe,
    found: dict[str, Figures],
    published: dict[str, dict[str, float]],
) -> None:
    """A table as it is stored: figures, and all that they were made with.

    Args:
        name: Of the file.
        options: What the command was given.
        recipe: Of the last models that were trained.
        found: Each row's figures.
        published: Each row's figures of others, in the first measure.
    """
    given = ["DIR" if word == str(options.data) else word for word in sys.argv[1:]]
    module = f"benchmarks.accuracy.{Path(sys.argv[0]).stem}"
    packages = ("keras", "tensorflow", "numpy")
    stored = {
        "command": shlex.join(["python", "-m", module, *given]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "models": len(options.seeds),
        "beam_size": options.beam_size,
        "versions": {package: version(package) for package in packages},
        "machine": describe(),
        "recipe": as_table(recipe),
        "figures": found,
        "published": published,
    }
    ACCURACY.mkdir(exist_ok=True)
    text = json.dumps(stored, indent=1, ensure_ascii=False)
    (ACCURACY / f"{name}.json").write_text(text + "\n")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _model(
    folder: Path, recipe: Recipe, pairs: Sequence[Pair], development: Sequence[Pair]
) -> TextToText:
    if (folder / MODEL).exists() and not (folder / UNFINISHED).exists():
        return TextToText.load(folder / MODEL, compile=False)
    start = time.perf_counter()
    said: list[str] = []
    trained = train(
        pairs, development, recipe, folder, resume=folder.exists(), say=said.append
    )
    (folder / "log.txt").write_text("\n".join(said) + "\n")
    print(f"{folder.name} {time.perf_counter() - start:.0f} s", flush=True)
    return trained


def _measured(
    model: TextToText,
    pairs: Sequence[Pair],
    options: ka.GenerationOptions,
    measures: Sequence[str],
) -> dict[str, float]:
    found = evaluate(model, pairs, measures, options).figures
    return {
        name: round(figure.value, 2)
        for name, figure in zip(measures, found, strict=True)
    }
