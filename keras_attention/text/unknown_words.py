"""Replacement of unknown words by what the model looked at."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_attention.layer_support.types import Config, Tensor
from keras_attention.text.special_symbols import END_ID, SPECIAL_TOKENS
from keras_attention.text.tokenizer import TokenizedText
from keras_attention.text.vocabulary import Vocabulary


@keras.saving.register_keras_serializable(package="keras_attention")
class UnknownWords(tf.Module):
    r"""Replaces unknown words by what the model looked at when it wrote them.

    $$ u_t = \ell(x_{\hat s}), \qquad \hat s = \arg\max_{s < |x|} a_{ts} $$

    with $x_s$ the tokens of the source, its end symbol $x_{|x|}$ left out, $a$ the
    attention weights and $\ell$ the lexicon, which leaves alone what it does not
    have. A source without tokens replaces nothing.

    Args:
        lexicon: Source token, as in `source_tokens`, to text of the target; `""`
            leaves the word out.

    Raises:
        TypeError: `lexicon` is no mapping from strings to strings.
        ValueError: A source token is empty, or a string cannot be UTF-8.

    References:
        Luong et al. 2015, arXiv 1410.8206, section 3 (which learns positions);
        Jean et al. 2015, arXiv 1412.2007, section 3 (by the attention, as here).
    """

    def __init__(self, lexicon: Mapping[str, str] | None = None) -> None:
        super().__init__()
        lexicon = {} if lexicon is None else lexicon
        if not isinstance(lexicon, Mapping) or not all(
            isinstance(text, str) for pair in lexicon.items() for text in pair
        ):
            raise TypeError(
                f"A lexicon must map strings to strings. Received: {lexicon!r:.200}"
            )
        self._sources = Vocabulary(lexicon, "lexicon")
        # An array, since tf.Module would wrap a list; not empty, for `tf.gather`.
        targets = [*(target.encode() for target in lexicon.values()), b""]
        self._targets = np.array(targets, object)

    def replacements(self, source: TokenizedText, weights: Tensor) -> Tensor:
        """What to write for unknown words, `[B, T]` strings.

        Args:
            source: The tokens of the sources, `[B, S]`.
            weights: `[B, T, S]`.
        """
        is_word = tf.not_equal(source.ids, END_ID) & (
            tf.sequence_mask(source.length, tf.shape(source.ids)[1])
        )  # [B, S]
        weights = tf.where(is_word[:, tf.newaxis], weights, -1.0)  # [B, T, S]
        place = tf.argmax(weights, axis=-1, output_type=tf.int32)  # [B, T]
        copied = tf.gather(source.tokens, place, batch_dims=1)  # [B, T]
        found = self._sources.ids(copied) - len(SPECIAL_TOKENS)
        targets = tf.gather(tf.constant(self._targets), tf.maximum(found, 0))
        text = tf.where(found < 0, copied, targets)
        some = tf.reduce_any(is_word, axis=1, keepdims=True)  # [B, 1]
        return tf.where(some, text, "\ufffd")

    def get_config(self) -> Config:
        targets = [target.decode() for target in self._targets]
        return {"lexicon": dict(zip(self._sources.symbols, targets, strict=False))}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        return cls(**config)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_config, (self.get_config(),)
