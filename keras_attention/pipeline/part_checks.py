"""Checks that a model, its tokenizers and a lexicon fit together."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_attention.models.generating_model import VOCABULARIES
from keras_attention.pipeline.source_inputs import SourceInputs
from keras_attention.text import Tokenizer, UnknownWords
from keras_attention.text.special_symbols import END_ID, PAD_ID, START_ID


def check_backend(method: str) -> None:
    """Refuse to compute with the model in a graph of TensorFlow that it is not part of.

    Raises:
        ValueError: Keras' backend is not TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"`TextToText.{method}` needs Keras' TensorFlow backend. Expected: "
            "KERAS_BACKEND=tensorflow, where `load` reads what `save` wrote on any. "
            f"Received: {keras.backend.backend()}"
        )


def check_parts(model: Any, source: SourceInputs, target: Tokenizer) -> None:
    """Refuse what `ka.TextToText` says it does."""
    missing = [name for name in ("generate", *VOCABULARIES) if not hasattr(model, name)]
    if missing:
        raise TypeError(
            f"`model` must be a ka.Seq2Seq or have its {missing}. "
            f"Received: model={model!r}"
        )
    for side, found in (
        ("source", source.vocabulary_size),
        ("target", target.vocabulary_size),
    ):
        size = getattr(model, f"{side}_vocabulary_size")
        if size != found:
            raise ValueError(
                f"`{side}_tokenizer` must have the vocabulary size of the model, "
                f"{size}. Received: {found}"
            )
    encoders = len(getattr(model, "encoders", [0] * len(source.names)))
    if encoders != len(source.names):
        raise ValueError(
            "`source_tokenizer` must be one for each encoder of the model. Expected: "
            f"{encoders}. Received: {list(source.names)}"
        )
    special = (model.pad_id, model.start_id, model.end_id)
    if special != (PAD_ID, START_ID, END_ID):
        raise ValueError(
            "`model` must have the tokenizers' pad_id, start_id and end_id, "
            f"{(PAD_ID, START_ID, END_ID)}. Received: {special}"
        )


def unknown_words(
    replace_unknown: bool | Mapping[str, str] | UnknownWords, source: SourceInputs
) -> UnknownWords | None:
    """`replace_unknown` of `ka.TextToText`, its lexicon one of the source's tokens."""
    if isinstance(replace_unknown, UnknownWords):
        return replace_unknown
    if isinstance(replace_unknown, bool):
        return UnknownWords() if replace_unknown else None
    if not isinstance(replace_unknown, Mapping):
        raise TypeError(
            "`replace_unknown` must be a bool or a dict from source tokens to texts. "
            f"Received: replace_unknown={replace_unknown!r}"
        )
    words = UnknownWords(replace_unknown)
    first = source.tokenizers[source.names[0]]
    first.check_tokens("replace_unknown", list(replace_unknown))
    return words
