"""Scheduled sampling: training on one's own tokens, Bengio et al. 2015."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base import drawn_rows, loop_rows
from keras_attention.backend.masks import zero_where_masked
from keras_attention.backend.precision import at_least_float32
from keras_attention.backend.weights import public_weights
from keras_attention.decoder.decoder import AttentionDecoder
from keras_attention.decoder.sampling_schedules import Schedule
from keras_attention.decoder.step import DecoderState, PreparedDecoder, StepResult
from keras_attention.decoder.teacher_forcing import run_steps
from keras_attention.layer_support.types import Ids, Mask, Nested, Tensor


class SampledDecoding(keras.layers.Layer):
    """Embedding, decoder and output layer as one layer, which feeds what it says.

    Outside training this is teacher forcing. In training the token that a step is fed
    is the true one with the probability that the schedule gives, otherwise one drawn
    from the model's distribution at the step before. Part of `ka.Seq2Seq`, which has
    the parts themselves too: generation uses those.

    Args:
        embedding: Ids `[B, T]` to `[B, T, D]`.
        decoder: `ka.AttentionDecoder`.
        output_layer: `[..., Do]` to logits `[..., V]`.
        schedule: `ka.schedules.Schedule`.
        pad_id: Id that is never drawn.
        seed: Seed of what is drawn.
        **layer: `name`, `dtype`.

    Weights: `updates`, how many batches were seen in training.
    """

    def __init__(
        self,
        embedding: keras.layers.Layer,
        decoder: AttentionDecoder,
        output_layer: keras.layers.Layer,
        schedule: Schedule,
        pad_id: int,
        seed: int | None = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.embedding = embedding
        self.decoder = decoder
        self.output_layer = output_layer
        self.schedule = schedule
        self.pad_id = pad_id
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.updates = self.add_weight(
            name="updates",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.supports_masking = True

    def call(
        self,
        target_ids: Ids,
        value: Nested,
        value_mask: Nested = None,
        initial_state: Nested = None,
        training: bool = False,
    ) -> tuple[Tensor, Tensor]:
        mask = ops.not_equal(target_ids, self.pad_id)
        inputs = self.embedding(target_ids)  # [B, T, D]
        if training:
            inputs = ops.cast(inputs, self.decoder.compute_dtype)
            inputs = zero_where_masked(inputs, mask)
            outputs, weights = self.decoder.run(
                self._sampled, inputs, mask, value, value_mask, initial_state, True
            )
            weights = public_weights(weights)
        else:
            outputs, weights = self.decoder(
                inputs,
                value,
                inputs_mask=mask,
                value_mask=value_mask,
                initial_state=initial_state,
                return_attention_scores=True,
                training=False,
            )
        return self.output_layer(outputs), weights

    def _sampled(
        self,
        decoder: PreparedDecoder,
        inputs: Tensor,
        mask: Mask,
        state: DecoderState,
        training: bool,
    ) -> tuple[Tensor, Tensor]:
        """The `Loop` over inputs that are true or drawn at the step before."""
        batch, targets = ops.shape(inputs)[:2]
        drawn = keras.random.uniform((2, batch, targets), seed=self.seed_generator)
        share = self.schedule(ops.cast(self.updates, "float32"))
        # The first token is the start of every sequence.
        first = ops.expand_dims(ops.arange(targets) == 0, 0)  # [1, T]
        true = ops.logical_or(drawn[0] < share, first)  # [B, T]
        self.updates.assign(self.updates + 1)
        # One mask for both sources of a step's input, drawn before the loop.
        kept = self.decoder.input_dropout(ops.ones_like(inputs), training=True)
        rows = loop_rows(
            inputs=inputs, kept=kept, mask=mask, true=true, chance=drawn[1]
        )
        noise = decoder.layer.draw(inputs, decoder.memory, True)

        def step(row: dict[str, Any], carried: Nested) -> StepResult:
            before, said = carried
            fed = ops.where(ops.expand_dims(row["true"], -1), row["inputs"], said)
            result = decoder.step(fed * row["kept"], before, row["drawn"])
            # A step draws with its own chance what the next one may be fed.
            logits = self.output_layer(ops.stop_gradient(result.output))
            said = self.embedding(sample(logits, row["chance"], self.pad_id))
            return result._replace(state=(result.state, ops.cast(said, inputs.dtype)))

        carried = (state, ops.zeros_like(inputs[:, 0]))
        emitted, weights = run_steps(step, carried, rows | drawn_rows(noise), training)
        return emitted["output"], weights


def sample(logits: Tensor, chance: Tensor, excluded: int) -> Any:
    """Ids drawn from softmax(logits), by inversion of its cumulative sum.

    Args:
        logits: `[B, V]`.
        chance: `[B]`, uniform in [0, 1).
        excluded: An id that is never drawn.

    Returns:
        `[B]` int32.
    """
    logits = ops.cast(logits, at_least_float32(logits.dtype))
    size = logits.shape[-1]
    possible = ops.expand_dims(ops.arange(size) != excluded, 0)  # [1, V]
    logits = ops.where(possible, logits, -float("inf"))
    sums = ops.cumsum(ops.softmax(logits, axis=-1), axis=-1)  # [B, V]
    # Of the total, which is 1 but for rounding.
    wanted = ops.expand_dims(ops.cast(chance, sums.dtype), -1) * sums[:, -1:]
    below = ops.cast(sums <= wanted, "int32")
    # Rounding may make the product the total: then the last id that is possible.
    last = size - 1 if excluded != size - 1 else size - 2
    return ops.minimum(ops.sum(below, axis=-1), last)  # [B]
