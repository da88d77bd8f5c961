"""The encoder-decoder as one functional Keras model."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_attention.decoder import sampling_schedules
from keras_attention.decoder.context_products import output_steps
from keras_attention.decoder.decoder import AttentionDecoder
from keras_attention.decoder.scheduled_sampling import SampledDecoding
from keras_attention.decoder.tied_embedding import TiedOutput
from keras_attention.decoder.token_steps import token_stepper
from keras_attention.generation.vocabulary_selection.candidate_output import (
    Candidates,
    columns,
)
from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.ownership import claim
from keras_attention.layer_support.quantization import quantized_layers
from keras_attention.models.generating_model import GeneratingModel


@keras.saving.register_keras_serializable(package="keras_attention")
class Seq2Seq(GeneratingModel):
    r"""Embeddings, encoder, attention decoder and output layer.

    $$ p(y_t \mid y_{<t}, x) = \mathrm{softmax}(W_o \, o_t + b_o) $$

    with $o_t$ the decoder's readout; the softmax itself is left to the loss.

    Args:
        encoder: `ka.RecurrentEncoder`, or a layer with the same call.
        decoder: `ka.AttentionDecoder`.
        source_vocabulary_size: Number of source symbols, special ones included.
        target_vocabulary_size: V.
        embedding_dim: Depth of both embeddings.
        pad_id: Id of padding in sources and targets.
        start_id: Id that every target input starts with.
        end_id: Id that ends targets and sources.
        return_attention_scores: Also output the weights, for losses on them.
        scheduled_sampling: How often a token is the true one in training, a number or
            a `ka.schedules.Schedule` over the updates; the others are drawn from the
            model's own distribution, for every token of every sequence by itself
            (Bengio et al. 2015). None, teacher forcing, trains faster.
        seed: Seed of scheduled sampling.
        tie_embeddings: Take the target embedding for the kernel of the output layer,
            $W_o = E$ (Press & Wolf 2017). The decoder's outputs must be
            `embedding_dim` deep.
        **model: `name`, `trainable`, `dtype`.

    Inputs: `{"source_ids": [B, S], "target_ids": [B, T]}`, integers; the targets
    are shifted, starting with `start_id`.

    Outputs: logits `[B, T, V]`; with `return_attention_scores` a dict of
    `"logits"` and `"weights" [B, T, S]` (`[B, H, T, S]` with several heads).

    Padding is found by its id, once, and passed by name.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> model = ka.Seq2Seq(
    ...     ka.RecurrentEncoder(8),
    ...     ka.AttentionDecoder(keras.layers.LSTMCell(16), ka.BahdanauAttention(16)),
    ...     source_vocabulary_size=10, target_vocabulary_size=12, embedding_dim=4,
    ... )
    >>> source = np.array([[5, 4, 2], [3, 2, 0]])
    >>> target = np.array([[1, 5, 6, 7], [1, 8, 0, 0]])
    >>> tuple(model({"source_ids": source, "target_ids": target}).shape)
    (2, 4, 12)
    >>> model.generate(source).ids.shape[0]
    2
    """

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        source_vocabulary_size: int,
        target_vocabulary_size: int,
        embedding_dim: int,
        pad_id: int = 0,
        start_id: int = 1,
        end_id: int = 2,
        return_attention_scores: bool = False,
        scheduled_sampling: Any = None,
        seed: int | None = None,
        tie_embeddings: bool = False,
        **model: Any,
    ) -> None:
        for argument, value in (
            ("source_vocabulary_size", source_vocabulary_size),
            ("target_vocabulary_size", target_vocabulary_size),
            ("embedding_dim", embedding_dim),
        ):
            positive_integer(argument, value)
        if len({pad_id, start_id, end_id}) != 3:
            raise ValueError(
                "`pad_id`, `start_id` and `end_id` must differ. "
                f"Received: {pad_id}, {start_id}, {end_id}"
            )
        if isinstance(encoder, dict):
            encoder = keras.saving.deserialize_keras_object(encoder)
        if isinstance(decoder, dict):
            decoder = keras.saving.deserialize_keras_object(decoder)
        if not isinstance(decoder, AttentionDecoder):
            raise TypeError(
                "`decoder` must be a ka.AttentionDecoder. "
                f"Received: decoder={decoder!r}"
            )
        dtype = model.pop("dtype", None)
        source_ids = keras.Input((None,), dtype="int32", name="source_ids")
        target_ids = keras.Input((None,), dtype="int32", name="target_ids")
        source_embedding = keras.layers.Embedding(
            source_vocabulary_size, embedding_dim, name="source_embedding", dtype=dtype
        )
        target_embedding = keras.layers.Embedding(
            target_vocabulary_size, embedding_dim, name="target_embedding", dtype=dtype
        )
        if tie_embeddings:
            output_layer = TiedOutput(
                target_embedding, name="output_layer", dtype=dtype
            )
        else:
            output_layer = keras.layers.Dense(
                target_vocabulary_size, name="output_layer", dtype=dtype
            )
        source_mask = ops.not_equal(source_ids, pad_id)  # [B, S]
        value, state = encoder(source_embedding(source_ids), mask=source_mask)
        if scheduled_sampling is None:
            decoded = decoder(
                target_embedding(target_ids),
                value,
                inputs_mask=ops.not_equal(target_ids, pad_id),
                value_mask=source_mask,
                initial_state=state,
                return_attention_scores=return_attention_scores,
            )
            outputs, weights = decoded if return_attention_scores else (decoded, None)
            logits = output_layer(outputs)  # [B, T, V]
        else:
            scheduled_sampling = sampling_schedules.get(scheduled_sampling)
            logits, weights = SampledDecoding(
                target_embedding,
                decoder,
                output_layer,
                scheduled_sampling,
                pad_id,
                seed,
                name="sampled_decoding",
                dtype=decoder.dtype_policy,
            )(target_ids, value, value_mask=source_mask, initial_state=state)
        super().__init__(
            inputs={"source_ids": source_ids, "target_ids": target_ids},
            outputs={"logits": logits, "weights": weights}
            if return_attention_scores
            else logits,
            **model,
        )
        claim(encoder, self, "encoder")
        claim(decoder, self, "decoder")
        self.encoder = encoder
        self.decoder = decoder
        self.source_embedding = source_embedding
        self.target_embedding = target_embedding
        self.output_layer = output_layer
        self.source_vocabulary_size = source_vocabulary_size
        self.target_vocabulary_size = target_vocabulary_size
        self.embedding_dim = embedding_dim
        self.pad_id = pad_id
        self.start_id = start_id
        self.end_id = end_id
        self.return_attention_scores = return_attention_scores
        self.scheduled_sampling = scheduled_sampling
        self.seed = seed
        self.tie_embeddings = tie_embeddings
        # That of the embeddings and the output layer, until they are quantised.
        self._first_policy = source_embedding.dtype_policy

    def encode(self, source_ids: Any) -> tuple[Any, Any, Any]:
        """What generation needs of the source.

        Args:
            source_ids: `[B, S]`.

        Returns:
            The decoder's memory, its first state, and the source mask `[B, S]`.
        """
        mask = ops.not_equal(source_ids, self.pad_id)
        value, state = self.encoder(self.source_embedding(source_ids), mask=mask)
        memory = self.decoder.precompute(value, value_mask=mask)
        return memory, self.decoder.initial_state(memory, state), mask

    @property
    def memory_by_row(self) -> bool:
        """Whether each tensor of the memory is `[B, ...]`, one's own perhaps not."""
        return type(self).encode is Seq2Seq.encode

    def stepper(
        self,
        memory: Any,
        beam_size: Any = 1,
        candidates: Candidates | None = None,
        attention: Any = None,
    ) -> Callable[[Any, Any], Any]:
        """A step function for `ka.generate`: ids to logits, weights, state.

        Args:
            memory: What `encode` returned, for B rows.
            beam_size: K: the function is for `B * K` ids.
            candidates: Compute the logits of these alone, `[B * K, M]`, minus infinity
                where one is none of the row's own.
            attention: As for `AttentionDecoder.stepper`.
        """
        embedding = self.target_embedding
        step = token_stepper(self.decoder, embedding, memory, beam_size, attention)
        output: Callable[[Any], Any] = self.output_layer
        if candidates is not None:
            output = columns(self.output_layer, candidates, beam_size)
        logits = output_steps(output, self.decoder, memory, beam_size, attention)

        def step_fn(ids: Any, state: Any) -> Any:
            outputs, weights, state = step(ids, state)
            return logits(outputs, weights), weights, state

        return step_fn

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        quantized = quantized_layers(self)
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize(self._first_policy),
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "source_vocabulary_size": self.source_vocabulary_size,
            "target_vocabulary_size": self.target_vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "pad_id": self.pad_id,
            "start_id": self.start_id,
            "end_id": self.end_id,
            "return_attention_scores": self.return_attention_scores,
            "scheduled_sampling": self.scheduled_sampling
            and serialize(self.scheduled_sampling),
            "seed": self.seed,
            "tie_embeddings": self.tie_embeddings,
        } | ({"quantized": quantized} if quantized else {})
