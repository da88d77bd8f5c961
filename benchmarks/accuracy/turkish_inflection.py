"""Turkish inflection: lemma and features to form, 1,000 pairs.

``python -m benchmarks.accuracy.turkish_inflection --data DIR`` trains models of one
recipe and measures each of them and their ensemble. DIR holds ``train.tsv``,
``dev.tsv`` and ``test.tsv`` (lemma, form, features): those of ``tests/testdata`` in
github.com/CUNY-CL/yoyodyne, out of CoNLL-SIGMORPHON 2017 (UniMorph). The recipe is
chosen on ``dev.tsv``; ``--test`` looks at the test set and stores what it sees.
"""

import keras_attention as ka
from benchmarks.accuracy import trained
from keras_attention.recipes import recipe_for, with_settings
from keras_attention.recipes.recipe import Data
from keras_attention.recipes.training_pairs import read

DATA = Data(features=2)
SETTINGS = ("training.metric=accuracy",)
MEASURES = ("accuracy", "per")
# Exact matches on the same files: yoyodyne's golden results (commit 7a84f2c).
PUBLISHED = {"best LSTM": 86.3, "best of all": 89.4}


def main() -> None:
    """Trains, measures, prints and stores."""
    options = trained.parser(__doc__ or "", "turkish").parse_args()
    pairs, development, test = (
        read(DATA, [options.data / f"{part}.tsv"]) for part in ("train", "dev", "test")
    )
    recipe = with_settings(recipe_for(pairs, DATA), [*SETTINGS, *options.set])
    folder = options.models / "turkish"
    models = trained.models(folder, recipe, options.seeds, pairs, development)
    asked = test if options.test else development
    search = ka.GenerationOptions(beam_size=options.beam_size)
    found = trained.figures(models, asked, search, MEASURES)
    print(trained.summary(found, MEASURES))
    if options.test:
        row = "1,000 pairs"
        trained.keep(
            "turkish_inflection", options, recipe, {row: found}, {row: PUBLISHED}
        )


if __name__ == "__main__":
    main()
