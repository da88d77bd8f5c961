"""Steps from tokens: what the cell makes of their embeddings is looked up."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
from keras import ops, tree

from keras_attention.attention.base import StepAttention
from keras_attention.backend.gather import gather
from keras_attention.backend.weights import public_weights
from keras_attention.decoder.step import DecoderState, Stepped
from keras_attention.layer_support.types import Ids, Memory, Size

if TYPE_CHECKING:
    from keras_attention.decoder.decoder import AttentionDecoder

# Above, projecting all of them may take longer than those of a short sentence.
FEW_TOKENS = 128


def token_stepper(
    decoder: "AttentionDecoder",
    embedding: keras.layers.Embedding,
    memory: Memory,
    beam_size: Size = 1,
    attention: StepAttention | None = None,
) -> Callable[[Ids, DecoderState], Stepped]:
    """`AttentionDecoder.stepper` for ids `[B * K]` instead of their embeddings.

    Of few tokens all are projected before the first step, by whatever the cell does
    with its inputs, and a step looks up a row.

    Args:
        decoder: Built.
        embedding: Of the tokens.
        memory, beam_size, attention: As for `AttentionDecoder.stepper`.
    """
    if embedding.input_dim > FEW_TOKENS:
        step_inputs = decoder.stepper(memory, beam_size, attention)
        return lambda ids, state: step_inputs(embedding(ids), state)
    prepared = decoder.prepare_steps(memory, beam_size, attention)
    tokens = ops.arange(embedding.input_dim, dtype="int32")
    inputs = ops.cast(embedding(tokens), decoder.compute_dtype)  # [V, D]
    tables = (prepared.cell.project(inputs), inputs)

    def step(ids: Ids, state: DecoderState) -> Stepped:
        projected, own = tree.map_structure(lambda table: gather(table, ids), tables)
        result = prepared.step_projected(projected, own, state)
        return result.output, public_weights(result.weights), result.state

    return step
