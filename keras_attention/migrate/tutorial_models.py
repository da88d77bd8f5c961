"""What the models of both tutorials have in common: a GRU each way, additive scores."""

from typing import Any, NamedTuple

import keras
import numpy as np

from keras_attention.attention.scores import AdditiveScore
from keras_attention.decoder.bridges import CopyBridge
from keras_attention.migrate.assignments import Assignment, require
from keras_attention.models.encoder import RecurrentEncoder
from keras_attention.models.seq2seq import Seq2Seq


class TutorialParts(NamedTuple):
    """The parts of a model that weights are for."""

    encoder_cell: keras.layers.GRUCell
    decoder_cell: keras.layers.GRUCell
    score: AdditiveScore


def tutorial_parts(model: Seq2Seq, *wirings: str) -> TutorialParts:
    """The parts of a model that is a tutorial's.

    Args:
        model: To be checked.
        wirings: The decoders that are: order, readout, and whether the score has a
            bias, such as `"bahdanau none bias"`.

    Raises:
        ValueError: The model is none of them.
    """
    encoder, decoder = model.encoder, model.decoder
    score: Any = getattr(decoder.attention, "score", None)
    fed = decoder.order.name == "luong" and decoder.input_feeding
    wiring = (
        f"{decoder.order.name} {type(decoder.readout).__name__.removesuffix('Readout')}"
        f"{' feeding' * fed}{' bias' if getattr(score, 'b', None) is not None else ''}"
    ).lower()
    cells = [*getattr(encoder, "cells", ()), *decoder.stack.cells]
    require(
        wiring in wirings
        and type(encoder) is RecurrentEncoder
        and [type(cell) for cell in cells] == [keras.layers.GRUCell] * 2
        and all(cell.reset_after and cell.use_bias for cell in cells)
        and isinstance(score, AdditiveScore)
        and not (score.normalize or score.layer_normalize)
        and decoder.attention.num_heads == 1
        and isinstance(decoder.bridge, CopyBridge),
        "a ka.Seq2Seq of one GRU each way, a plain additive score of one head, "
        f'bridge="copy" and a decoder that is {" or ".join(map(repr, wirings))}',
        f"{wiring!r}, cells {[type(cell).__name__ for cell in cells]}, "
        f"{type(score).__name__}, {decoder.attention.num_heads} heads, "
        f"{type(decoder.bridge).__name__}",
    )
    return TutorialParts(cells[0], cells[1], score)


def energies_layer(
    score: AdditiveScore, kernel: str, shape: tuple[int, int], bias: str
) -> Assignment:
    """v from the dense layer that makes energies: its bias changes no softmax."""
    sources = {kernel: shape, bias: (1,)}
    return Assignment(score.v, sources, lambda matrix, _: np.ravel(matrix))
