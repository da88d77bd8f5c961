"""Training on one's own tokens: Bengio et al. 2015."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_attention.attention.base import queries_first
from keras_attention.backend.loop import scan
from keras_attention.backend.masks import keep_where_masked, zero_where_masked
from keras_attention.backend.precision import at_least_float32
from keras_attention.decoder.decoder import AttentionDecoder
from keras_attention.decoder.sampling_schedules import Schedule
from keras_attention.decoder.teacher_forcing import batch_major, time_major
from keras_attention.layer_support.argument_checks import steps


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
        embedding: Any,
        decoder: AttentionDecoder,
        output_layer: Any,
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
        target_ids: Any,
        value: Any,
        value_mask: Any = None,
        initial_state: Any = None,
        training: bool = False,
    ) -> Any:
        mask = ops.not_equal(target_ids, self.pad_id)
        inputs = self.embedding(target_ids)  # [B, T, D]
        if training:
            outputs, weights = self._sampled(
                inputs, mask, value, value_mask, initial_state
            )
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
        self, inputs: Any, mask: Any, value: Any, value_mask: Any, initial_state: Any
    ) -> Any:
        """Outputs `[B, T, Do]` and weights, in training."""
        steps("inputs", inputs)
        batch, targets = ops.shape(inputs)[:2]
        drawn = keras.random.uniform((2, batch, targets), seed=self.seed_generator)
        share = self.schedule(ops.cast(self.updates, "float32"))
        # The first token is the start of every sequence.
        first = ops.arange(targets) == 0  # [T]
        true = ops.logical_or(drawn[0] < share, ops.expand_dims(first, 0))
        self.updates.assign(self.updates + 1)
        return run_sampled(
            self.decoder,
            inputs,
            mask,
            value,
            value_mask,
            initial_state,
            true,
            drawn[1],
            lambda outputs, chance: self.embedding(
                sample(self.output_layer(outputs), chance, self.pad_id)
            ),
        )


def run_sampled(
    decoder: AttentionDecoder,
    inputs: Any,
    mask: Any,
    value: Any,
    value_mask: Any,
    initial_state: Any,
    true: Any,
    chances: Any,
    say: Callable[[Any, Any], Any],
) -> Any:
    """The decoder in training, fed with what is true or with what it says.

    Args:
        decoder: Built.
        inputs: `[B, T, D]`, the true tokens, embedded.
        mask: `[B, T]` booleans.
        value, value_mask, initial_state: As in a call of the decoder.
        true: `[B, T]` booleans, which of the tokens are fed; the first must be.
        chances: `[B, T]`, passed to `say`, one step later.
        say: Outputs of a step `[B, Do]` and chances `[B]` to what it would be fed
            next, `[B, D]`.

    Returns:
        As a call of the decoder with its weights.
    """
    dtype = decoder.compute_dtype
    inputs = zero_where_masked(ops.cast(inputs, dtype), mask)
    # One mask for both sources of a step's input, drawn before the loop.
    kept = decoder.input_dropout(ops.ones_like(inputs), training=True)
    memory = decoder.attention._precompute(value, None, value_mask)
    state = decoder._initial_state(memory, initial_state)
    rows = {
        "inputs": time_major(inputs),
        "kept": time_major(kept),
        "mask": time_major(mask),
        "true": time_major(true),
        "chance": time_major(chances),
        "drawn": queries_first(decoder.attention.draw(inputs, memory, True)),
    }
    with decoder.stack.dropout_masks(ops.shape(inputs)[0], True):
        parts = decoder._parts(memory, True)

        def step(carried: Any, row: dict[str, Any]) -> Any:
            state, said = carried
            fed = ops.where(ops.expand_dims(row["true"], -1), row["inputs"], said)
            fed = fed * row["kept"]  # [B, D]
            result = decoder.order.step(
                parts, parts.cell.project(fed), state, row["drawn"]
            )
            output = result.output
            if output is None:
                output = decoder._read(result.hidden, result.context, fed)
            new = keep_where_masked(row["mask"], result.state, state)
            said = say(ops.stop_gradient(output), row["chance"])
            return (new, ops.cast(said, dtype)), (output, result.weights)

        # A step draws with its own chance what the next one may be fed.
        first = (state, ops.zeros_like(inputs[:, 0]))
        _, (outputs, weights) = scan(step, first, rows)
    outputs = zero_where_masked(batch_major(outputs), mask)  # [B, T, Do]
    weights = ops.transpose(weights, (1, 2, 0, 3))  # [B, H, T, S]
    valid = ops.expand_dims(ops.expand_dims(mask, 1), -1)  # [B, 1, T, 1]
    weights = ops.where(valid, weights, ops.zeros_like(weights))
    outputs = decoder.output_dropout(outputs, training=True)
    return outputs, decoder.attention._public_weights(weights)


def sample(logits: Any, chance: Any, excluded: int) -> Any:
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
