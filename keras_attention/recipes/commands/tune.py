"""``tune``: a search for a better recipe, by Optuna."""

import argparse
from pathlib import Path
from typing import Any

import keras

from keras_attention.recipes import training_pairs
from keras_attention.recipes.commands import shared_arguments
from keras_attention.recipes.defaults import recipe_for
from keras_attention.recipes.measures import LOWER_IS_BETTER
from keras_attention.recipes.recipe import (
    Recipe,
    as_toml,
    read_recipe,
    with_settings,
)
from keras_attention.recipes.training import RECIPE, train

HELP = "try recipes, and write the one that is best on the development set"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.add_argument("files", nargs="+", type=Path, help="pairs to train with")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help=f"a directory for {RECIPE} and the trials (trials.sqlite); more are added "
        "to those that are there",
    )
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument(
        "--recipe", type=Path, help="what is not tried is taken from it"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--development", type=Path, nargs="+", metavar="FILE")
    shared_arguments.add_data(parser)


def run(options: argparse.Namespace) -> int:
    """Tries recipes, and prints the best."""
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ImportError(
            f"tune needs {error.name}, which is not installed: "
            'pip install "keras-attention-seq2seq[train]"',
            name=error.name,
        ) from error
    given = read_recipe(options.recipe) if options.recipe else None
    data, pairs, development = shared_arguments.training_data(options, given)
    base = given or recipe_for(training_pairs.usable(pairs).pairs, data)
    base = with_settings(base, options.set)
    lower = LOWER_IS_BETTER[base.training.metric]
    options.output.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name="recipe",
        storage=f"sqlite:///{options.output / 'trials.sqlite'}",
        direction="minimize" if lower else "maximize",
        sampler=optuna.samplers.TPESampler(seed=base.training.seed),
        load_if_exists=True,
    )

    def objective(trial: Any) -> float:
        scores: list[float] = []
        reported = _Reported(trial, base.training.metric, scores)
        train(pairs, development, _tried(trial, base), callbacks=[reported])
        if trial.should_prune():
            raise optuna.TrialPruned
        return min(scores) if lower else max(scores)

    study.optimize(objective, n_trials=options.trials)
    best = _tried(optuna.trial.FixedTrial(study.best_params), base)
    (options.output / RECIPE).write_text(as_toml(best), "utf-8")
    print(f"{base.training.metric} {study.best_value:.2f}: {options.output / RECIPE}")
    return 0


def _tried(trial: Any, base: Recipe) -> Recipe:
    """The recipe of a trial: sizes, dropout, and how fast it learns."""
    units = trial.suggest_categorical("units", [128, 256, 512])
    dropout = trial.suggest_float("dropout", 0.1, 0.6, step=0.1)
    found = {
        "encoder.units": units,
        "encoder.dropout": dropout,
        "decoder.cell.units": units,
        "decoder.dropout": dropout,
        "decoder.attention.units": units // 2,
        "model.embedding_dim": units // 2,
        "training.batch_size": trial.suggest_categorical("batch_size", [16, 32, 64]),
        "training.learning_rate": trial.suggest_float("rate", 3e-4, 5e-3, log=True),
        "training.label_smoothing": trial.suggest_float("smoothing", 0, 0.2, step=0.05),
    }
    if "units" not in base.decoder.get("attention", {}):
        del found["decoder.attention.units"]  # such as FixedContext
    return with_settings(base, [f"{key}={value}" for key, value in found.items()])


class _Reported(keras.callbacks.Callback):
    """The score of each epoch for Optuna, which ends what promises nothing."""

    def __init__(self, trial: Any, metric: str, scores: list[float]) -> None:
        super().__init__()
        self.trial, self.metric, self.scores = trial, metric, scores

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        value = (logs or {})[self.metric]
        self.scores.append(value)
        self.trial.report(value, epoch)
        if self.trial.should_prune():
            self.model.stop_training = True
