"""Attribution by gradients: which source tokens a target token hung on."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_attention.backend.loop import scan
from keras_attention.backend.precision import at_least_float32


class Attribution(NamedTuple):
    r"""What each of T target tokens owes to each of S source tokens.

    Attributes:
        tokens: Target tokens `[T]`.
        source_tokens: Source tokens `[S]`.
        source_offsets: Of each, in the bytes of the text `[S]`.
        alignment: Attention weights `[T, S]`, the mean over heads.
        gradient_attention: `[T, S]`,
            $\sum_{u \le t} a_{us} \, \partial \log p(y_t) / \partial a_{us}$:
            how much the weights on $s$ did for $y_t$, those of earlier steps included;
            below 0 where they spoke against it.
        gradient_input: `[T, S]`, $e_s^\top \, \partial \log p(y_t) / \partial e_s$,
            with $e_s$ the embedding of $s$: all ways from $s$ to $y_t$, past the
            attention too.
    """

    tokens: list[str]
    source_tokens: list[str]
    source_offsets: list[tuple[int, int]]
    alignment: np.ndarray
    gradient_attention: np.ndarray
    gradient_input: np.ndarray


def attribute(pipeline: Any, text: str, target_text: str) -> Attribution:
    """What the tokens of a target owe to those of a text, by gradients.

    Weights say where a model looked. Others may give the same answer (Jain & Wallace
    2019), though not always as easily (Wiegreffe & Pinter 2019), and what stands at a
    position of the memory is not its token alone. Gradients ask what would have
    changed the answer; where they disagree with the weights, believe neither alone.

    Args:
        pipeline: `ka.TextToText` with a `ka.Seq2Seq` that has an attention.
        text: The source.
        target_text: The target, say `pipeline.predict([text])[0].text`.

    Raises:
        TypeError: The model is no `ka.Seq2Seq` with one memory.

    References:
        Gradient x attention: Serrano & Smith 2019, arXiv 1906.03731.
        Gradient x input: Shrikumar et al. 2016, arXiv 1605.01713. Jain & Wallace 2019,
        arXiv 1902.10186; Wiegreffe & Pinter 2019, arXiv 1908.04626.
    """
    import tensorflow as tf

    model = pipeline.model
    if not all(hasattr(model, name) for name in ("encoder", "source_embedding")):
        raise TypeError(
            f"`pipeline` must have a ka.Seq2Seq. Received: {type(model).__name__}"
        )
    (scored,) = pipeline.score([text], [target_text])
    source, target = (
        tf.repeat(ids, len(scored.tokens), axis=0)  # [T, S], [T, T]: a row a token
        for ids in (
            pipeline.source_tokenizer.tokenize(tf.constant([text])),
            pipeline.target_tokenizer.tokenize(tf.constant([target_text])),
        )
    )

    @tf.function
    def gradients(source: Any, target: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            embedded = model.source_embedding(source)
            tape.watch(embedded)
            mask = ops.not_equal(source, model.pad_id)
            value, state = model.encoder(embedded, mask=mask)
            memory = model.decoder.precompute(value, value_mask=mask)
            if not hasattr(memory, "values"):
                raise TypeError(
                    "The model must have one memory. Received: "
                    f"attention={model.decoder.attention!r}"
                )
            # Apart from the keys: what the context takes, not what is looked for.
            values = tf.identity(memory.values)
            memory = memory._replace(values=values)
            state = model.decoder.initial_state(memory, state)
            log_probs = _log_probs(model, memory, state, target)
            # Row t for token t: all gradients at once.
            total = tf.linalg.trace(log_probs)
        of_values, of_embedded = tape.gradient(total, (values, embedded))
        return (
            tf.einsum("thsd,thsd->ts", of_values, values),
            tf.einsum("tsd,tsd->ts", of_embedded, embedded),
        )

    attention, inputs = gradients(source, target)
    return Attribution(
        scored.tokens,
        scored.source_tokens,
        scored.source_offsets,
        scored.alignment,
        attention.numpy(),
        inputs.numpy(),
    )


def _log_probs(model: Any, memory: Any, state: Any, target: Any) -> Any:
    """Of each token of targets `[B, T]`."""
    first = ops.full_like(target[:, :1], model.start_id)
    previous = ops.concatenate([first, target[:, :-1]], axis=1)  # [B, T]
    step_fn = model.stepper(memory)

    def step(state: Any, row: Any) -> Any:
        logits, _, state = step_fn(row["previous"], state)
        logits = ops.cast(logits, at_least_float32(logits.dtype))
        chosen = ops.take_along_axis(logits, ops.expand_dims(row["target"], -1), -1)
        log_prob = ops.squeeze(chosen, -1) - ops.logsumexp(logits, axis=-1)  # [B]
        return state, {"log_probs": log_prob}

    rows = {"previous": ops.transpose(previous), "target": ops.transpose(target)}
    _, emitted = scan(step, state, rows)
    return ops.transpose(emitted["log_probs"])  # [B, T]
