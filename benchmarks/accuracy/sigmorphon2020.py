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
# language, and the best entry: over all an ensemble of IMS, of a language whichever was
# best (Gorman et al. 2020, 2020.sigmorphon-1.2, tables 2 to 4).
PUBLISHED = {
    "15 languages": (16.84, 13.81),
    "cheap five": (6.76, None),
    **{"ady": (28.00, 24.67), "arm": (14.67, 12.22), "bul": (31.11, 22.22)},
    **{"dut": (16.44, 13.56), "fre": (6.22, 5.11), "geo": (26.44, 24.89)},
    **{"gre": (18.89, 14.44), "hin": (6.67, 5.11), "hun": (5.33, 4.00)},
    **{"ice": (10.00, 9.11), "jpn": (7.56, 4.89), "kor": (46.89, 24.00)},
    **{"lit": (19.11, 18.67), "rum": (10.67, 9.78), "vie": (4.67, 0.89)},
}


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
        published = {
            row: {"LSTM with attention": lstm} | ({"best entry": best} if best else {})
            for row, (lstm, best) in PUBLISHED.items()
        }
        trained.keep("sigmorphon2020", options, recipe, macro | found, published)


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
    parser.add_argument("--languages", type=_names, default=LANGUAGES)
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    return CHEAP if text == "cheap" else tuple(text.split(","))


def _pairs(data: Path, split: str, language: str) -> list[Pair]:
    return read_pairs(data / split / f"{language}_{split}.tsv")


if __name__ == "__main__":
    main()
