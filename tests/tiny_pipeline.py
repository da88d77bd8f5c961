"""A tiny text-to-text model whose answers differ from text to text."""

import keras
import numpy as np

import keras_attention as ka
from keras_attention.text import CharacterTokenizer


def tiny_pipeline(letters: CharacterTokenizer) -> ka.TextToText:
    """An untrained LSTM with attention from these letters to the same."""
    keras.utils.set_random_seed(3)
    size = letters.vocabulary_size
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(6, cell="gru"),
        ka.AttentionDecoder(keras.layers.LSTMCell(12), ka.BahdanauAttention(8)),
        source_vocabulary_size=size,
        target_vocabulary_size=size,
        embedding_dim=5,
    )
    random = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return ka.TextToText(model, letters, letters)
