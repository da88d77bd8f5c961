"""Pipelines: of one text with a lexicon for unknown words, and of two named inputs."""

import io
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import sentencepiece

import keras_attention as ka
from keras_attention.text import (
    CharacterTokenizer,
    FeatureTokenizer,
    SubwordTokenizer,
    WordTokenizer,
)


class Case(NamedTuple):
    """A pipeline and what it is asked: five texts.

    Attributes:
        texts: As `predict` takes them.
        tokens: Four of the target vocabulary, for constraints.
    """

    build: Callable[[], ka.TextToText]
    texts: list[str] | dict[str, list[str]]
    targets: list[str]
    tokens: tuple[str, str, str, str]


TEXTS = ["star", "", "xz drawers", "e\u0301t\u00e9 STRESSED", "stressed desserts"]
TARGETS = ["S T AA1 R", "", "D R AO1 R Z", "T", "S S T T"]
PHONES = {"s": "S", "t": "T", "a": "AA1", "r": "R", "d": "D", "e": "EH1", "w": "W"}
LEXICON = {"s": "ES", "w": "DOUBLE-U", "z": ""}
# One list of options for each call of `predict`.
OPTIONS = {
    "default": {},
    "beam": {
        "beam_size": 3,
        "alternatives": 3,
        "length_penalty": 0.8,
        "coverage_penalty": 0.3,
        "repetition_penalty": 1.2,
        "no_repeat_ngram": 3,
        "max_length": 9,
    },
    "rows": {
        "beam_size": [1, 2, 3, 4, 5],
        "word_bonus": [0.0, 0.1, 0.2, 0.3, 0.4],
        "max_length": [4, 5, 6, 7, 8],
        "min_length": 2,
        "banned_tokens": [[], [4, 5], [6], [], [3]],
        "prefix": [[5], [], [7, 4], [6], []],
    },
    "groups": {
        "beam_size": 4,
        "beam_groups": 2,
        "diversity_penalty": 0.5,
        "alternatives": 2,
        "max_length": 6,
    },
    "sample": {"sample": True, "seed": 7, "temperature": 1.5, "top_k": 5, "top_p": 0.9},
}


def pronunciation():
    """A `ka.TextToText` whose answers differ from text to text."""
    keras.utils.set_random_seed(3)
    letters = CharacterTokenizer.from_texts(
        ["desserts stressed drawer été"], lowercase=True, max_length=30
    )
    phones = WordTokenizer(list(PHONES.values())[:-1], split="whitespace")
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(4, cell="gru"),
        ka.AttentionDecoder(keras.layers.LSTMCell(8), ka.BahdanauAttention(8)),
        source_vocabulary_size=letters.vocabulary_size,
        target_vocabulary_size=phones.vocabulary_size,
        embedding_dim=5,
    )
    # Enough steps for answers that differ, and for words that are unknown.
    model.compile(keras.optimizers.Adam(0.02), ka.losses.MaskedCrossentropy())
    made = ka.TextToText(model, letters, phones, replace_unknown=LEXICON)
    dataset = made.dataset(_pairs(), batch_size=16, seed=1)
    model.fit(dataset, epochs=20, shuffle=False, verbose=0)
    return made


def inflection():
    """Subwords beside features, each with an encoder; random weights."""
    keras.utils.set_random_seed(5)
    lemmas = SubwordTokenizer(_subwords(["kitap kalem masa kapı"] * 9))
    features = FeatureTokenizer(["k", "a", "\tN", "\tPL"])
    letters = CharacterTokenizer(list("kitaplrmes"))
    model = ka.Seq2Seq(
        [ka.RecurrentEncoder(4), ka.RecurrentEncoder(3, "gru")],
        ka.AttentionDecoder(
            keras.layers.LSTMCell(8), ka.FlatAttention(ka.BahdanauAttention(7), 6)
        ),
        lemmas.vocabulary_size + features.vocabulary_size - 4,  # Special ids once.
        letters.vocabulary_size,
        embedding_dim=5,
    )
    random = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    tokenizers = {"lemma": lemmas, "features": features}
    return ka.TextToText(model, tokenizers, letters)


def _subwords(texts):
    """A SentencePiece model without normalisation, the table of which is 240 kB."""
    learned = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=learned,
        vocab_size=20,
        model_type="bpe",
        normalization_rule_name="identity",
        **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3},
        minloglevel=2,
    )
    return learned.getvalue()


def _pairs():
    """Words of chance letters, spelled out."""
    random = np.random.default_rng(1)
    letters = list(PHONES)
    words = [random.choice(letters, size=random.integers(1, 9)) for _ in range(200)]
    return [("".join(word), " ".join(PHONES[x] for x in word)) for word in words]


CASES = {
    "text": Case(pronunciation, TEXTS, TARGETS, ("T", "S", "AA1", "R")),
    "inflection": Case(
        inflection,
        {
            "lemma": ["kitap", "", "kalem", "masa kapı", "xz"],
            "features": ["k\tN;PL", "a\tN", "", "ka\tPL", "\t?"],
        },
        ["kitaplar", "", "kalemler", "k", "me"],
        ("k", "a", "l", "e"),
    ),
}
