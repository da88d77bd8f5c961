"""SIGMORPHON 2020, Task 1: pronunciations in 15 languages, 3,600 words each.

``python -m benchmarks.accuracy.sigmorphon2020 --data DIR`` trains models of one recipe
for every language, and measures each of them and their ensemble. DIR is ``task1/data``
of github.com/sigmorphon/2020 (CC BY-SA 3.0). The recipe is chosen on the development
sets; ``--test`` looks at the test sets.

A language's models stay in ``--models``, so that a run can be stopped, repeated with
more seeds, and asked again with another search, and trains only what is not there.
"""

import argparse
import json
import time
from pathlib import Path

import keras_attention as ka
from benchmarks.machine import describe
from keras_attention.recipes import Recipe, train, with_settings
from keras_attention.recipes.defaults import recipe_for
from keras_attention.recipes.evaluation import evaluate
from keras_attention.recipes.training import MODEL, UNFINISHED
from keras_attention.text import Pair, read_pairs
from keras_attention.text_to_text import TextToText

CHEAP = ("fre", "hun", "ice", "jpn", "vie")
LANGUAGES = (
    *("ady", "arm", "bul", "dut", "fre", "geo", "gre", "hin"),
    *("hun", "ice", "jpn", "kor", "lit", "rum", "vie"),
)
# WER on the test sets: the task's own LSTM with attention, the best of 36 settings a
# language, and its best entry, an ensemble (Gorman et al. 2020, 2020.sigmorphon-1.2).
PUBLISHED = {"LSTM with attention": 16.84, "best entry": 13.81}


def main() -> None:
    """Trains, measures, prints and stores."""
    options = _arguments()
    results = options.models / "results.json"
    found = json.loads(results.read_text()) if results.exists() else {}
    for language in options.languages:
        train_pairs, development = (
            _pairs(options.data, split, language) for split in ("train", "dev")
        )
        recipe = with_settings(recipe_for(train_pairs), options.set)
        trained = [
            _model(
                options.models / f"{language}-{seed}",
                with_settings(recipe, [f"training.seed={seed}"]),
                train_pairs,
                development,
            )
            for seed in options.seeds
        ]
        splits = {"development": development}
        if options.test:
            splits["test"] = _pairs(options.data, "test", language)
        found[language] = {
            split: _figures(trained, pairs, options.beam_size)
            for split, pairs in splits.items()
        }
        print(language, json.dumps(found[language]), flush=True)
        results.write_text(json.dumps(found | {"machine": describe()}, indent=1) + "\n")
    for split in ("development", "test") if options.test else ("development",):
        _summary(found, split, options.languages)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("build/sigmorphon2020"))
    parser.add_argument("--languages", type=_names, default=LANGUAGES)
    parser.add_argument("--seeds", type=_numbers, default=(1, 2, 3, 4, 5))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--test", action="store_true", help="look at the test sets")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    return CHEAP if text == "cheap" else tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _pairs(data: Path, split: str, language: str) -> list[Pair]:
    return read_pairs(data / split / f"{language}_{split}.tsv")


def _model(
    folder: Path, recipe: Recipe, pairs: list[Pair], development: list[Pair]
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


def _figures(
    trained: list[TextToText], pairs: list[Pair], beam_size: int
) -> dict[str, list[float] | float]:
    """WER and PER of each model, and of their ensemble."""
    options = ka.GenerationOptions(beam_size=beam_size)
    each = [_rates(model, pairs, options) for model in trained]
    figures: dict[str, list[float] | float] = {
        "wer": [wer for wer, _ in each],
        "per": [per for _, per in each],
    }
    if len(trained) > 1:
        together = TextToText(
            ka.Ensemble([model.model for model in trained]),
            trained[0].source_tokenizer,
            trained[0].target_tokenizer,
        )
        wer, per = _rates(together, pairs, options)
        figures |= {"ensemble_wer": wer, "ensemble_per": per}
    return figures


def _rates(
    model: TextToText, pairs: list[Pair], options: ka.GenerationOptions
) -> tuple[float, float]:
    wer, per = evaluate(model, pairs, options=options).figures
    return round(wer.value, 2), round(per.value, 2)


def _summary(found: dict, split: str, languages: tuple[str, ...]) -> None:
    """Macro averages over languages: the mean of the models, and the ensembles."""
    rows = [found[language][split] for language in languages]
    for name in ("wer", "per"):
        single = sum(sum(row[name]) / len(row[name]) for row in rows) / len(rows)
        line = f"{split} macro {name}: single {single:.2f}"
        if all(f"ensemble_{name}" in row for row in rows):
            mean = sum(row[f"ensemble_{name}"] for row in rows) / len(rows)
            line += f", ensemble {mean:.2f}"
        print(line)
    if split == "test" and languages == LANGUAGES:
        print("published macro WER:", PUBLISHED)


if __name__ == "__main__":
    main()
