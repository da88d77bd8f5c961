"""Texts that tokenizers must survive, and how to make more."""

import functools

import tensorflow as tf
from hypothesis import settings
from hypothesis import strategies as st

from keras_attention.text import CharacterTokenizer, WordTokenizer

quick = settings(max_examples=25, deadline=None, derandomize=True, database=None)

# Without surrogates, which UTF-8 cannot express.
any_text = st.text(st.characters(codec="utf-8"), max_size=12)

# Where normalisation, case and direction have something to do.
_INTERESTING = (
    "aZé\u00c5\u212b\u0130ßΣς\u01c4"  # composed, singleton, without one lower letter
    "\u0301\u0323\u0327\u0344\u0345"  # marks; U+0344 falls apart
    "ﬁ①½㌀\ufdfa"  # compatibility: one becomes several
    "\u1100\u1161\u11a8각\u0958\u05e9\u05c1שלום"  # Hangul, exclusions, Hebrew
    "\u200f\u202e\ufeff\u200d🙂\U0001f1e9 \t\n\u3000\x00.,'-\ufffd"
)
hard_text = st.text(st.sampled_from(_INTERESTING), max_size=10)
texts = any_text | hard_text

AWKWARD = [
    b"",
    b" ",
    b"\x00",
    b"a\x00b",
    b"\xff\xfe\xfd",
    b"caf\xc3",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbfmark",
    "שלום עולם".encode(),
    "\u202eabc".encode(),
    ("a" + "\u0301" * 300).encode(),
    "\u0301".encode(),
    "👩\u200d👩\u200d👧".encode(),
    b"</s> <unk> <s>",
]

KINDS = {
    "characters": CharacterTokenizer,
    "words": functools.partial(WordTokenizer, split="words"),
    "whitespace": functools.partial(WordTokenizer, split="whitespace"),
}


# Each is traced once, about a second: not every kind with every form.
KINDS_AND_FORMS = [
    ("characters", None),
    ("characters", "NFC"),
    ("words", "NFC"),
    ("whitespace", "NFC"),
    ("whitespace", "NFKC"),
]


def tokenize(kind, normalization="NFC", lowercase=False, max_length=1024):
    """A tokenizer's `tokenize_with_offsets` as a graph, and the tokenizer."""
    return _traced(kind, normalization, lowercase, max_length)


@functools.cache
def _traced(kind, normalization, lowercase, max_length):
    tokenizer = KINDS[kind](
        ["a", *([] if normalization == "NFD" else ["é"]), "f", "."],
        normalization=normalization,
        lowercase=lowercase,
        max_length=max_length,
    )
    spec = [tf.TensorSpec([None], tf.string)]
    return tf.function(tokenizer.tokenize_with_offsets, spec), tokenizer


def rows(result):
    """One list of (token, start, end) for each text, the end symbol left out."""
    found = []
    for length, tokens, start, end in zip(
        result.length.numpy(),
        result.tokens.numpy(),
        result.start.numpy(),
        result.end.numpy(),
        strict=True,
    ):
        count = length - 1
        found.append(
            list(
                zip(
                    tokens[:count].tolist(),
                    start[:count].tolist(),
                    end[:count].tolist(),
                    strict=True,
                )
            )
        )
    return found
