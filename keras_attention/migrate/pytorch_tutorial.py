"""PyTorch's tutorial "Translation with a sequence to sequence network"."""

from typing import Any

import keras
import numpy as np

from keras_attention.migrate.assignments import (
    Arrays,
    Assignment,
    assign,
    require,
    summed,
    transposed,
)
from keras_attention.migrate.tutorial_models import energies_layer, tutorial_parts
from keras_attention.models.seq2seq import Seq2Seq

_NEVER = -1e9
"""The logit of padding, which the tutorial has no id for."""


def pytorch_tutorial(encoder: Arrays, decoder: Arrays, model: Seq2Seq) -> list[str]:
    r"""Weights of the tutorial's `EncoderRNN` and `AttnDecoderRNN`.

    The model is::

        ka.Seq2Seq(
            ka.RecurrentEncoder(hidden_size, "gru", bidirectional=False),
            ka.AttentionDecoder(
                keras.layers.GRUCell(hidden_size),
                ka.BahdanauAttention(hidden_size, use_bias=True),
                readout="none",
                bridge="copy",
            ),
            source_vocabulary_size=input_lang.n_words + 1,
            target_vocabulary_size=output_lang.n_words + 1,
            embedding_dim=hidden_size,
        )

    and each id is one more than the tutorial's, which has none for padding: 0 is
    padding, 1 `SOS`, 2 `EOS`. torch orders a GRU's gates r, z, n, Keras z, r, n.

    Args:
        encoder: `encoder.state_dict()`: tensors on the CPU, or arrays.
        decoder: `decoder.state_dict()`, likewise.
        model: As above.

    Returns:
        An empty list: every weight is set.

    Raises:
        ValueError: The model is no counterpart; arrays are missing, left over or of
            another shape. Nothing is assigned then.
    """
    parts = tutorial_parts(model, "bahdanau none bias")
    ids = model.pad_id, model.start_id, model.end_id
    require(ids == (0, 1, 2), "one with pad_id=0, start_id=1, end_id=2", ids)
    score, output = parts.score, model.output_layer
    hidden, size = output.kernel.shape
    wanted = [
        _embedding(model.source_embedding, "encoder.embedding.weight"),
        *_gru(parts.encoder_cell, "encoder.gru"),
        _embedding(model.target_embedding, "decoder.embedding.weight"),
        *_gru(parts.decoder_cell, "decoder.gru"),
        transposed(score.query.kernel, "decoder.attention.Wa.weight"),
        transposed(score.key.kernel, "decoder.attention.Ua.weight"),
        summed(score.b, *(f"decoder.attention.{x}.bias" for x in ("Wa", "Ua"))),
        energies_layer(
            score,
            "decoder.attention.Va.weight",
            (1, score.v.shape[0]),
            "decoder.attention.Va.bias",
        ),
        Assignment(
            output.kernel,
            {"decoder.out.weight": (size - 1, hidden)},
            lambda matrix: np.pad(matrix.T, ((0, 0), (1, 0))),
        ),
        Assignment(
            output.bias,
            {"decoder.out.bias": (size - 1,)},
            lambda bias: np.pad(bias, (1, 0), constant_values=_NEVER),
        ),
    ]
    both = {"encoder": encoder, "decoder": decoder}
    arrays = {f"{part}.{name}": x for part, d in both.items() for name, x in d.items()}
    return assign(wanted, arrays, model)


def _embedding(layer: keras.layers.Embedding, name: str) -> Assignment:
    rows, depth = layer.embeddings.shape
    sources = {name: (rows - 1, depth)}
    return Assignment(
        layer.embeddings, sources, lambda table: np.pad(table, ((1, 0), (0, 0)))
    )


def _gru(cell: keras.layers.GRUCell, name: str) -> list[Assignment]:
    gates = cell.bias.shape[-1]
    biases = {f"{name}.bias_ih_l0": (gates,), f"{name}.bias_hh_l0": (gates,)}
    return [
        transposed(cell.kernel, f"{name}.weight_ih_l0", _gates),
        transposed(cell.recurrent_kernel, f"{name}.weight_hh_l0", _gates),
        Assignment(cell.bias, biases, lambda *both: np.stack([*map(_gates, both)])),
    ]


def _gates(rows: Any) -> np.ndarray:
    reset, update, new = np.split(rows, 3)
    return np.concatenate([update, reset, new])
