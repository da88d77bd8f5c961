"""Likelihoods of given targets, token by token."""

import functools
from typing import Any, NamedTuple

from keras import ops

from keras_attention.backend.loop import scan
from keras_attention.backend.precision import at_least_float32
from keras_attention.backend.weights import public_weights, weights_with_heads
from keras_attention.generation.compiled_graphs import CompiledGraphs
from keras_attention.generation.from_model import Model
from keras_attention.generation.search.beam_search_loop import SpecialIds
from keras_attention.generation.vocabulary_selection.candidate_search import (
    VocabularySelector,
)
from keras_attention.layer_support.id_check import id_matrix


class Likelihoods(NamedTuple):
    """Likelihoods of targets under a model.

    Attributes:
        log_probs: `[B]`, sums over the tokens, the end included.
        token_log_probs: `[B, T]`, 0 at padding.
        lengths: `[B]` int32, tokens without padding.
        weights: `[B, T, S]` attention weights (`[B, H, T, S]` with several
            heads), 0 at padding; None for a model that has none.
    """

    log_probs: Any
    token_log_probs: Any
    lengths: Any
    weights: Any


def likelihoods(
    model: Model,
    source_ids: Any,
    target_ids: Any,
    *,
    graphs: CompiledGraphs,
    selector: VocabularySelector | None = None,
) -> Likelihoods:
    r"""$\log p(y_t \mid y_{<t}, x)$ of every token, and the sum over each row.

    The model is stepped through the targets as generation steps it through a
    forced prefix, so that both give the same numbers, and logits are never held
    for more than one step.

    Args:
        model: Anything that `generation.from_model.generate_from` takes.
        source_ids: `[B, S]` integers, every row ending in `end_id`, then `pad_id`.
        target_ids: `[B, T]` integers, T >= 1, without start symbol, `pad_id` after
            the last token.
        graphs: Where the model keeps its graphs.
        selector: Says which tokens to look at, the targets' own among them.
    """
    source_ids = id_matrix("source_ids", source_ids)
    target_ids = id_matrix("target_ids", target_ids)
    ids = ((None, None), "int32")
    function = functools.partial(_likelihoods, model, selector)
    return graphs.get("likelihoods", function, (ids, ids))(source_ids, target_ids)


def _likelihoods(
    model: Model,
    selector: VocabularySelector | None,
    source_ids: Any,
    target_ids: Any,
) -> Likelihoods:
    memory, state, _ = model.encode(source_ids)
    if selector is None:
        special = SpecialIds(model.pad_id, model.start_id, model.end_id)
        step_fn = model.stepper(memory)
    else:
        selection = selector(source_ids, target_ids)
        special = selection.special
        step_fn = selection.stepper(model)((memory, selection.candidates.mask), 1)
        target_ids = ops.take(selection.positions, target_ids)
    first = ops.full_like(target_ids[:, :1], special.start)
    previous = ops.concatenate([first, target_ids[:, :-1]], axis=1)  # [B, T]

    def step(state: Any, row: dict[str, Any]) -> Any:
        logits, weights, state = step_fn(row["previous"], state)
        logits = ops.cast(logits, at_least_float32(logits.dtype))
        chosen = ops.take_along_axis(logits, ops.expand_dims(row["target"], -1), -1)
        log_prob = ops.squeeze(chosen, -1) - ops.logsumexp(logits, axis=-1)  # [B]
        valid = ops.not_equal(row["target"], special.pad)
        emitted = {"log_probs": ops.where(valid, log_prob, ops.zeros_like(log_prob))}
        if weights is not None:
            emitted["weights"] = weights_with_heads(weights, rank=3)  # [B, H, S]
        return state, emitted

    rows = {"previous": ops.transpose(previous), "target": ops.transpose(target_ids)}
    _, emitted = scan(step, state, rows)
    log_probs = ops.transpose(emitted["log_probs"])  # [B, T]
    valid = ops.not_equal(target_ids, special.pad)  # [B, T]
    weights = emitted.get("weights")
    if weights is not None:
        weights = ops.transpose(weights, (1, 2, 0, 3))  # [B, H, T, S]
        rows = ops.expand_dims(ops.expand_dims(valid, 1), -1)  # [B, 1, T, 1]
        weights = public_weights(ops.where(rows, weights, ops.zeros_like(weights)))
    lengths = ops.sum(ops.cast(valid, "int32"), axis=-1)
    return Likelihoods(ops.sum(log_probs, axis=-1), log_probs, lengths, weights)
