"""SIGMORPHON 2020, Task 1: pronunciations in 15 languages, 3,600 words each.

``python -m benchmarks.accuracy.sigmorphon2020 --data DIR`` trains models of one recipe
for every language, and measures each of them and their ensemble. DIR is ``task1/data``
of github.com/sigmorphon/2020 (CC BY-SA 3.0). The recipe is chosen on the development
sets; ``--test`` looks at the test sets, and stores what it sees of all.

A language's models stay in ``--models``, so that a run can be stopped, repeated with
more seeds, and asked again with another search, and trains only what is not there.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import keras_attention as ka
from benchmarks.accuracy import trained
from benchmarks.accuracy.trained import Figures
from keras_attention.recipes import recipe_for, with_settings
from keras_attention.text import Pair, read_pairs

CHEAP = ("fre", "hun", "ice", "jpn", "vie")
LANGUAGES = (
    *("ady", "arm", "bul", "dut", "fre", "geo", "gre", "hin"),
    *("hun", "ice", "jpn", "kor", "lit", "rum", "vie"),
)
MEASURES = ("wer", "per")
# What the recipe by the data's size lacks: Hangul as jamo, letters and their marks.
SETTINGS = ("source_tokenizer.normalization=NFD",)
# WER on the test sets: the task's own LSTM with attention, the best of 36 settings a
# language, and its best entry, an ensemble (Gorman et al. 2020, 2020.sigmorphon-1.2).
PUBLISHED = {"LSTM with attention": 16.84, "best entry": 13.81}


def main() -> None:
    """Trains, measures, prints and stores."""
    options = _arguments()
    split = "test" if options.test else "dev"
    search = ka.GenerationOptions(beam_size=options.beam_size)
    settings = [*SETTINGS, *options.set]
    found: Figures = {}
    for language in options.languages:
        pairs, development = (
            _pairs(options.data, part, language) for part in ("train", "dev")
        )
        recipe = with_settings(recipe_for(pairs), settings)
        folder = options.models / language
        models = trained.models(folder, recipe, options.seeds, pairs, development)
        asked = _pairs(options.data, split, language)
        found[language] = trained.figures(models, asked, search, MEASURES)
        print(language, found[language], flush=True)
    macro = {
        name: _macro([found[language] for language in among])
        for name, among in (("15 languages", LANGUAGES), ("cheap five", CHEAP))
        if set(among) <= set(found)
    }
    for name, mean in macro.items():
        print(f"{split}, {name}:\n{trained.summary(mean, MEASURES)}")
    if options.test and set(LANGUAGES) <= set(found):
        print("published macro WER:", PUBLISHED)
        trained.keep("sigmorphon2020", options, recipe, {"macro": macro} | found)


def _macro(rows: Sequence[Figures]) -> Figures:
    """Averages over languages: of each seed's models, and of the ensembles."""
    found: Figures = {}
    for name in MEASURES:
        seeds = zip(*(row[name] for row in rows), strict=True)
        found[name] = [statistics.fmean(seed) for seed in seeds]
        ensemble = f"ensemble_{name}"
        if ensemble in rows[0]:
            found[ensemble] = statistics.fmean(row[ensemble] for row in rows)
    return found


def _arguments() -> argparse.Namespace:
    parser = trained.parser(__doc__ or "", "sigmorphon2020")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--languages", type=_names, default=LANGUAGES)
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    return CHEAP if text == "cheap" else tuple(text.split(","))


def _pairs(data: Path, split: str, language: str) -> list[Pair]:
    return read_pairs(data / split / f"{language}_{split}.tsv")


if __name__ == "__main__":
    main()
