"""The encoder-decoder as one functional Keras model."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_attention.decoder import sampling_schedules
from keras_attention.decoder.context_products import output_steps
from keras_attention.decoder.decoder import AttentionDecoder
from keras_attention.decoder.scheduled_sampling import SampledDecoding
from keras_attention.decoder.source_outputs.base import (
    Decoded,
    EncodedSource,
    SourceOutput,
)
from keras_attention.decoder.tied_embedding import TiedOutput
from keras_attention.decoder.token_steps import token_stepper
from keras_attention.generation.vocabulary_selection.candidate_output import (
    Candidates,
    columns,
)
from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.building import from_config
from keras_attention.layer_support.constructor_config import constructor_config
from keras_attention.layer_support.ownership import claim
from keras_attention.layer_support.quantization import quantized_layers
from keras_attention.models.generating_model import GeneratingModel, id_inputs
from keras_attention.models.several_inputs import by_position, input_masks, read


@keras.saving.register_keras_serializable(package="keras_attention")
class Seq2Seq(GeneratingModel):
    r"""Embeddings, encoder, attention decoder and output layer.

    $$ p(y_t \mid y_{<t}, x) = \mathrm{softmax}(W_o \, o_t + b_o) $$

    with $o_t$ the decoder's readout; the softmax itself is left to the loss.

    Args:
        encoder: `ka.RecurrentEncoder`, or a layer with the same call; or a list of
            them, one for each of K inputs.
        decoder: `ka.AttentionDecoder`; for K inputs its attention is a
            `ka.FlatAttention` or a `ka.HierarchicalAttention`.
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
        output: The output layer; None is a `keras.layers.Dense`. Those that look at the
            source: `ka.PointerGenerator`, and `ka.MarginalAttention`, whose weights
            are the model's then.
        **model: `name`, `trainable`, `dtype`.

    Inputs: `{"source_ids": [B, S], "target_ids": [B, T]}`, integers; the targets
    are shifted, starting with `start_id`.

    Outputs: logits `[B, T, V]`; with `return_attention_scores` a dict of
    `"logits"` and `"weights" [B, T, S]` (`[B, H, T, S]` with several heads).

    Padding is found by its id, once, and passed by name. K inputs, such as a lemma and
    what form of it is wanted, are one sequence, in which each ends with `end_id`; their
    vocabularies are one, too (`ka.TextToText` takes care of both).

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
        output: Any = None,
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
        several = isinstance(encoder, list | tuple)
        encoders = [from_config(one) for one in (encoder if several else [encoder])]
        decoder = from_config(decoder)
        if not isinstance(decoder, AttentionDecoder):
            raise TypeError(
                "`decoder` must be a ka.AttentionDecoder. "
                f"Received: decoder={decoder!r}"
            )
        dtype = model.pop("dtype", None)
        inputs = id_inputs()
        source_ids, target_ids = inputs.values()
        source_embedding = keras.layers.Embedding(
            source_vocabulary_size, embedding_dim, name="source_embedding", dtype=dtype
        )
        target_embedding = keras.layers.Embedding(
            target_vocabulary_size, embedding_dim, name="target_embedding", dtype=dtype
        )
        output = from_config(output)
        if output is not None:
            _check_output(output, several, scheduled_sampling, tie_embeddings)
            output.check_vocabularies(source_vocabulary_size, target_vocabulary_size)
            output_layer = output
        elif tie_embeddings:
            output_layer = TiedOutput(
                target_embedding, name="output_layer", dtype=dtype
            )
        else:
            output_layer = keras.layers.Dense(
                target_vocabulary_size, name="output_layer", dtype=dtype
            )
        masks = input_masks(source_ids, pad_id, end_id, len(encoders))
        value, mask, state = read(encoders, source_embedding(source_ids), masks)
        if scheduled_sampling is None:
            embedded, target_mask = target_embedding(target_ids), target_ids != pad_id
            with_weights = return_attention_scores or output is not None
            decoded = decoder(
                embedded,
                value,
                inputs_mask=target_mask,
                value_mask=mask,
                initial_state=state,
                return_attention_scores=with_weights,
            )
            outputs, weights = decoded if with_weights else (decoded, None)
            if output is None:
                logits = output_layer(outputs)  # [B, T, V]
            else:
                logits, weights = output.over_targets(
                    Decoded(outputs, weights, embedded, target_ids),
                    target_mask,
                    EncodedSource(source_ids, value, mask),
                )  # [B, T, V]
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
            )(target_ids, value, value_mask=mask, initial_state=state)
        weights = by_position(weights, len(encoders))
        super().__init__(
            inputs=inputs,
            outputs={"logits": logits, "weights": weights}
            if return_attention_scores
            else logits,
            **model,
        )
        for one in encoders:
            claim(one, self, "encoder")
        claim(decoder, self, "decoder")
        if output is not None:
            claim(output, self, "output")
        self.encoder = encoders if several else encoders[0]
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

    @property
    def encoders(self) -> list[Any]:
        """The encoder of each input."""
        return self.encoder if isinstance(self.encoder, list) else [self.encoder]

    def encode(self, source_ids: Any) -> tuple[Any, Any, Any]:
        """What generation needs of the source.

        Args:
            source_ids: `[B, S]`.

        Returns:
            The decoder's memory, its first state, and the source mask `[B, S]`. With
            an `output` that looks at the source, memory and state are dicts of the
            `"decoder"`'s and the `"output"`'s.
        """
        masks = input_masks(source_ids, self.pad_id, self.end_id, len(self.encoders))
        embedded = self.source_embedding(source_ids)
        value, mask, state = read(self.encoders, embedded, masks)
        memory = self.decoder.precompute(value, value_mask=mask)
        state = self.decoder.initial_state(memory, state)
        if isinstance(self.output_layer, SourceOutput):
            source = EncodedSource(source_ids, value, mask)
            output = self.output_layer.source_memory(source)
            memory = {"decoder": memory, "output": output}
            first = self.output_layer.initial_state(output)
            state = {"decoder": state, "output": first}
        return memory, state, ops.not_equal(source_ids, self.pad_id)

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
        if isinstance(self.output_layer, SourceOutput):
            return self._source_stepper(memory, beam_size, candidates, attention)
        step = token_stepper(self.decoder, embedding, memory, beam_size, attention)
        output: Callable[[Any], Any] = self.output_layer
        if candidates is not None:
            output = columns(self.output_layer, candidates, beam_size)
        logits = output_steps(output, self.decoder, memory, beam_size, attention)

        def step_fn(ids: Any, state: Any) -> Any:
            outputs, weights, state = step(ids, state)
            shown = by_position(weights, len(self.encoders))
            return logits(outputs, weights), shown, state

        return step_fn

    def _source_stepper(
        self, memory: Any, beam_size: Any, candidates: Candidates | None, attention: Any
    ) -> Callable[[Any, Any], Any]:
        if candidates is not None or attention is not None:
            raise ValueError(
                "A model whose `output` looks at the source looks at all of its target "
                "vocabulary. Expected: no candidates, no other attention"
            )
        embedding, decoder = self.target_embedding, memory["decoder"]
        step = token_stepper(self.decoder, embedding, decoder, beam_size)
        output = self.output_layer.stepper(memory["output"], beam_size)

        def step_fn(ids: Any, state: Any) -> Any:
            outputs, weights, after = step(ids, state["decoder"])
            decoded = Decoded(outputs, weights, embedding(ids), ids)
            log_probs, weights, own = output(decoded, state["output"])
            return log_probs, weights, {"decoder": after, "output": own}

        return step_fn

    def get_config(self) -> dict[str, Any]:
        quantized = quantized_layers(self)
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.saving.serialize_keras_object(self._first_policy),
            **constructor_config(self, without=("output",)),  # Keras' property
            "output": keras.saving.serialize_keras_object(self.output_layer)
            if isinstance(self.output_layer, SourceOutput)
            else None,
            **({"quantized": quantized} if quantized else {}),
        }


def _check_output(
    output: Any, several: bool, scheduled_sampling: Any, tie_embeddings: bool
) -> None:
    """Refuse what is no output layer, or one beside what it does not go with."""
    if not isinstance(output, SourceOutput):
        raise TypeError(
            "`output` must be a ka.MarginalAttention, a ka.PointerGenerator or None. "
            f"Received: output={output!r}"
        )
    if several or scheduled_sampling is not None or tie_embeddings:
        raise ValueError(
            "`output` needs one encoder, and neither `scheduled_sampling` nor "
            "`tie_embeddings`. Received: "
            f"{'several encoders' if several else 'one encoder'}, "
            f"scheduled_sampling={scheduled_sampling!r}, "
            f"tie_embeddings={tie_embeddings!r}"
        )
