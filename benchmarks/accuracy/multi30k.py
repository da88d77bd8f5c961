"""Multi30k: captions of pictures from one language into another, 29,000 pairs.

``python -m benchmarks.accuracy.multi30k --data DIR`` trains models at the size of
LIUM's text-only baseline, measures each of them and their ensemble. DIR is
``data/task1/tok`` of github.com/multi30k/dataset (research, not commercial use):
sentences in lower case, normalised and tokenised, as the published figures have them.
``--context fixed`` leaves the attention out, so that the decoder sees the encoder's
last state alone. The recipe is chosen on ``val``; ``--test`` looks at
``test_2016_flickr`` and stores what it sees.
"""

from pathlib import Path

import keras_attention as ka
from benchmarks.accuracy import trained
from keras_attention.recipes import recipe_for, with_settings
from keras_attention.text import Pair

MEASURES = ("bleu", "chrf")
# Embeddings of 128, gated units of 256 in both directions and in the decoder, wired as
# the conditional GRU; byte pairs (lium-lst/wmt17-mmt, README and config).
SETTINGS = (
    "source_tokenizer.max_size=6000",
    "target_tokenizer.max_size=6000",
    'encoder={cell="gru", units=256, dropout=0.4}',
    'decoder={order="conditional", dropout=0.5, cell={class="StackedRNNCells", cells=['
    '{class="GRUCell", units=256}, {class="GRUCell", units=256}]}, '
    'attention={class="BahdanauAttention", units=256}}',
    "model={embedding_dim=128}",
    "training.batch_size=64",
    "training.metric=bleu",
)
FIXED = (
    'decoder={dropout=0.5, cell={class="GRUCell", units=256}, '
    'attention={class="FixedContext"}}',
)
# BLEU on test_2016: LIUM's baseline; and what attention is worth, German to English at
# the level of words (bentrevett/pytorch-seq2seq: fixed context, attention).
PUBLISHED = {
    "en-de, attention": {"LIUM": 39.00},
    "de-en, fixed": {"bentrevett": 20.61},
    "de-en, attention": {"bentrevett": 28.30},
}


def main() -> None:
    """Trains, measures, prints and stores."""
    parser = trained.parser(__doc__ or "", "multi30k")
    parser.add_argument("--languages", default="en-de", help="source-target")
    parser.add_argument(
        "--context", choices=("attention", "fixed"), default="attention"
    )
    options = parser.parse_args()
    source, target = options.languages.split("-")
    pairs, development, test = (
        _pairs(options.data / f"{part}.lc.norm.tok", source, target)
        for part in ("train", "val", "test_2016_flickr")
    )
    settings = [*SETTINGS, *(FIXED if options.context == "fixed" else ()), *options.set]
    recipe = with_settings(recipe_for(pairs), settings)
    name = f"multi30k-{options.languages}-{options.context}"
    folder = options.models / name
    models = trained.models(folder, recipe, options.seeds, pairs, development)
    asked = test if options.test else development
    search = ka.GenerationOptions(beam_size=options.beam_size, length_penalty=1.0)
    found = trained.figures(models, asked, search, MEASURES)
    print(trained.summary(found, MEASURES))
    if options.test:
        row = f"{options.languages}, {options.context}"
        published = {row: PUBLISHED.get(row, {})}
        trained.keep(name, options, recipe, {row: found}, published)


def _pairs(path: Path, source: str, target: str) -> list[Pair]:
    sides = (
        Path(f"{path}.{language}").read_text("utf-8").splitlines()
        for language in (source, target)
    )
    return [Pair(*pair) for pair in zip(*sides, strict=True)]


if __name__ == "__main__":
    main()
