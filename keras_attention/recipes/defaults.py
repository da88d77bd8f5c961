"""Defaults: a recipe that fits the size and kind of the data."""

import statistics
from collections.abc import Sequence

from keras_attention.recipes.recipe import Data, Recipe, Table, Training

# Texts that are looked at to see what they are made of.
_LOOKED_AT = 2_000
_SUBWORDS = 8_000


def recipe_for(
    pairs: Sequence[tuple[str, str]],
    data: Data | None = None,
    features_encoder: bool = False,
) -> Recipe:
    """The recipe for pairs of which nothing else is known.

    Args:
        pairs: What there is to train with.
        data: How they were read.
        features_encoder: Whether features are an input of their own, with an encoder,
            instead of symbols of the source.

    Raises:
        ValueError: Features are to be an input, and `data` has none.
    """
    size = len(pairs)
    data = data or Data()
    source = _tokenizer([source for source, _ in pairs[:_LOOKED_AT]])
    if features_encoder and data.features is None:
        raise ValueError("`features_encoder` needs `data.features`, their column")
    if data.features is not None:
        kind = "CharacterTokenizer" if features_encoder else "FeatureTokenizer"
        source = {"class": kind}
    target = _tokenizer([target for _, target in pairs[:_LOOKED_AT]])
    translation = "max_size" in source and "max_size" in target
    large = size > 60_000
    units = 512 if large else 256
    dropout = 0.5 if size < 5_000 else 0.4 if size < 60_000 else 0.3
    batch = 32 if size < 8_000 else 64 if size < 60_000 else 256
    # Small sets need many passes before enough updates are made.
    epochs = max(12, min(round(5_000 * batch / size), 120))
    attention: Table = {"class": "BahdanauAttention", "units": units // 2}
    several: Table = {}
    if features_encoder:
        attention = {
            "class": "FlatAttention",
            "units": 2 * units,
            "attention": attention,
        }
        several = {
            "features_tokenizer": {"class": "WordTokenizer", "split": ";"},
            "features_encoder": {"units": units // 4, "dropout": dropout},
        }
    return Recipe(
        data=data,
        source_tokenizer=source,
        target_tokenizer=target,
        encoder={"units": units, "cell": "lstm", "dropout": dropout},
        decoder={
            "dropout": dropout,
            "cell": {"class": "LSTMCell", "units": units},
            "attention": attention,
        },
        model={"embedding_dim": units // 2},
        training=Training(
            epochs=epochs,
            batch_size=batch,
            learning_rate=3e-3 if batch == 256 else 1e-3 if batch == 32 else 2e-3,
            metric="bleu" if translation else "wer",
        ),
        **several,
    )


def _tokenizer(texts: Sequence[str]) -> Table:
    """Subwords of sentences, the words of lists of symbols, else characters."""
    pieces = [text.split() for text in texts]
    if statistics.median(map(len, pieces)) < 2:
        return {"class": "CharacterTokenizer"}
    distinct = {piece for row in pieces for piece in row}
    tokens = sum(map(len, pieces))
    if len(distinct) * 20 < tokens or len(distinct) < 100:
        return {"class": "WordTokenizer", "split": "whitespace"}
    return {"class": "SubwordTokenizer", "max_size": _SUBWORDS}
