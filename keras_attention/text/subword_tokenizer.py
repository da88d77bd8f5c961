"""Tokenizer of subwords, as SentencePiece learns them."""

import base64
import io
from collections.abc import Iterable
from typing import Any, Literal, Self

import keras
import tensorflow as tf
import tensorflow_text as tf_text

from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.types import Config, Ids, Tensor
from keras_attention.text.piece_tokenizer import DEFAULT_MAX_LENGTH, PieceTokenizer
from keras_attention.text.special_symbols import (
    END_ID,
    PAD_ID,
    SPECIAL_TOKENS,
    START_ID,
    UNKNOWN_ID,
)
from keras_attention.text.splitting import Pieces
from keras_attention.text.text_lists import encoded
from keras_attention.text.vocabulary import Vocabulary

# What SentencePiece writes for a space, at the beginning of a word.
_SPACE = "\u2581"


@keras.saving.register_keras_serializable(package="keras_attention")
class SubwordTokenizer(PieceTokenizer):
    """Frequent words whole, others in pieces: a SentencePiece model in the graph.

    Tokens are SentencePiece's, `"▁"` where a word begins; its normalisation is part of
    the model. `from_texts` learns one.

    Args:
        model: A serialised SentencePiece model with padding, start, end and unknown as
            ids 0 to 3 (`pad_id=0, bos_id=1, eos_id=2, unk_id=3`); bytes, or the same in
            base64.
        max_length: Most tokens of a text, the end symbol included. What follows is cut
            off; of a text, `64 * max_length` bytes are read.

    Raises:
        ValueError: `model` is none, or has other special ids.

    Source: Sennrich et al. 2016 (P16-1162) for byte pairs, Kudo 2018 (P18-1007) for the
    unigram model, Kudo & Richardson 2018 (D18-2012) for SentencePiece.

    Example:

    >>> tokenizer = SubwordTokenizer.from_texts(["low lower lowest"] * 2, max_size=14)
    >>> tokenizer.tokens(tokenizer.tokenize(["low"]))[0, 1].numpy()
    b'low'
    """

    def __init__(
        self, model: bytes | str, max_length: int = DEFAULT_MAX_LENGTH
    ) -> None:
        super().__init__()
        self.max_length = positive_integer("max_length", max_length)
        self.model = base64.b64decode(model) if isinstance(model, str) else model
        with tf.init_scope():
            try:
                learned = self._sentencepiece()
                pieces = learned.id_to_string(tf.range(learned.vocab_size()))
            except (tf.errors.OpError, TypeError) as error:
                raise ValueError(
                    "`model` must be a serialised SentencePiece model. "
                    f"Received: {error}"
                ) from None
        symbols = [piece.decode() for piece in pieces.numpy()]
        special = len(SPECIAL_TOKENS)
        if symbols[1:special] != list(SPECIAL_TOKENS[1:]):
            raise ValueError(
                "`model` must have padding, start, end and unknown as ids 0 to 3. "
                f"Expected: ids 1 to 3 to be {list(SPECIAL_TOKENS[1:])}. "
                f"Received: {symbols[1:special]}"
            )
        self._vocabulary = Vocabulary(symbols[special:])

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        max_size: int = 8_000,
        model_type: Literal["bpe", "unigram"] = "bpe",
        character_coverage: float = 1.0,
        lowercase: bool = False,
        **arguments: Any,
    ) -> Self:
        """A tokenizer whose subwords are learned from texts; needs `sentencepiece`.

        Args:
            texts: The texts.
            max_size: Ids, special ones included; fewer where texts have no more pieces.
            model_type: `"bpe"`, byte pair encoding, or `"unigram"`.
            character_coverage: Share of the characters that get ids; for scripts of
                thousands of characters 0.9995.
            lowercase: Fold case beside SentencePiece's normalisation (NFKC).
            **arguments: For the constructor.

        Raises:
            TypeError: `texts` is a single string or has an element that is none.
            ValueError: The texts hold too little, or an argument is out of range.
            ImportError: `sentencepiece` is not installed.
        """
        try:
            import sentencepiece
        except ModuleNotFoundError as error:
            raise ImportError(
                "SubwordTokenizer.from_texts needs sentencepiece, which is not "
                'installed: pip install "keras-attention-seq2seq[tensorflow]"',
                name=error.name,
            ) from error
        rows = [text.decode("utf-8", "replace") for text in encoded("texts", texts)]
        learned = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(rows),
                model_writer=learned,
                vocab_size=max_size,
                model_type=model_type,
                character_coverage=character_coverage,
                normalization_rule_name="nmt_nfkc_cf" if lowercase else "nmt_nfkc",
                hard_vocab_limit=False,
                pad_id=PAD_ID,
                bos_id=START_ID,
                eos_id=END_ID,
                unk_id=UNKNOWN_ID,
                minloglevel=2,
            )
        except (RuntimeError, OSError) as error:
            raise ValueError(
                f"SentencePiece learns nothing from {len(rows)} texts with "
                f"max_size={max_size}: {error}"
            ) from None
        return cls(learned.getvalue(), **arguments)

    def detokenize(self, ids: Ids, unknown: Tensor = None) -> Tensor:
        ids = tf.convert_to_tensor(ids, tf.int32)
        joined = self._vocabulary.join(ids, "", unknown)  # [B]
        spaced = tf.strings.regex_replace(joined, _SPACE, " ")
        return tf.strings.regex_replace(spaced, "^ ", "")

    def get_config(self) -> Config:
        model = base64.b64encode(self.model).decode()
        return {"model": model, "max_length": self.max_length}

    def _pieces(self, text: Tensor) -> Pieces:
        read = tf.strings.substr(text, 0, self.max_bytes)
        found = self._sentencepiece().tokenize_with_offsets(read)
        return Pieces(*(ragged[:, : self.max_length - 1] for ragged in found))

    def _sentencepiece(self) -> tf_text.SentencepieceTokenizer:
        # Made where it is used: the op owns what it makes, and one that ran eagerly is
        # forgotten with TensorFlow's kernels, as `tf.random.set_seed` does.
        return tf_text.SentencepieceTokenizer(self.model, tf.string)
