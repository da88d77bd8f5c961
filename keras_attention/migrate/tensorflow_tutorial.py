"""TensorFlow's tutorial "Neural machine translation with attention", until 2022."""

from keras_attention.migrate.assignments import (
    Arrays,
    assign,
    layer_weights,
    rows_swapped,
    same,
    summed,
)
from keras_attention.migrate.tutorial_models import energies_layer, tutorial_parts
from keras_attention.models.seq2seq import Seq2Seq


def tensorflow_tutorial(arrays: Arrays, model: Seq2Seq) -> list[str]:
    r"""Weights of the tutorial's `Encoder` and `Decoder`.

    | tutorial | decoder of the model |
    |---|---|
    | to 2021: `W1`, `W2`, `V`; the context is that of the state before, the GRU takes $[c_t; y_t]$ | `ka.AttentionDecoder(keras.layers.GRUCell(units), ka.BahdanauAttention(units, use_bias=True), readout="none", bridge="copy")` |
    | to 2022: `W1`, `W2`, `AdditiveAttention`, `Wc` | `ka.AttentionDecoder(keras.layers.GRUCell(units), ka.BahdanauAttention(units), order="luong", input_feeding=False, bridge="copy")` |

    The encoder of both is `ka.RecurrentEncoder(units, "gru", bidirectional=False)`. The
    version since then has no counterpart: its `MultiHeadAttention` has biases, its
    encoder adds the two directions, and a layer normalisation stands before the output.

    Args:
        arrays: By the paths of attributes that `tf.train.Checkpoint(encoder=...,
            decoder=...)` and `model.save_weights` write: `encoder/gru/cell/kernel`,
            `decoder/attention/W1/kernel` and so on (`read_checkpoint`, `select`). W1
            is what meets the query; where it met the values, exchange the names.
        model: One of the two forms. The ids are the same.

    Returns:
        An empty list: every weight is set.

    Raises:
        ValueError: The model is no counterpart; arrays are missing, left over or of
            another shape. Nothing is assigned then.
    """  # noqa: E501
    parts = tutorial_parts(model, "bahdanau none bias", "luong attentional")
    decoder, score = model.decoder, parts.score
    attention, cell = "decoder/attention", "decoder/gru/cell"
    wanted = [
        same(model.source_embedding.embeddings, "encoder/embedding/embeddings"),
        *layer_weights(parts.encoder_cell, "encoder/gru/cell"),
        same(model.target_embedding.embeddings, "decoder/embedding/embeddings"),
        *layer_weights(parts.decoder_cell, cell),
        same(score.query.kernel, f"{attention}/W1/kernel"),
        same(score.key.kernel, f"{attention}/W2/kernel"),
        *layer_weights(model.output_layer, "decoder/fc"),
    ]
    if decoder.order.name == "luong":
        wanted += [
            same(score.v, f"{attention}/attention/scale"),
            same(decoder.readout.kernel, "decoder/Wc/kernel"),
        ]
    else:
        kernel, context = parts.decoder_cell.kernel, decoder.context_depth
        wanted = [x for x in wanted if x.variable is not kernel]
        wanted += [
            rows_swapped(kernel, f"{cell}/kernel", context),
            summed(score.b, f"{attention}/W1/bias", f"{attention}/W2/bias"),
            energies_layer(
                score,
                f"{attention}/V/kernel",
                (score.v.shape[0], 1),
                f"{attention}/V/bias",
            ),
        ]
    return assign(wanted, arrays, model)
