"""Which tokens may come next, and how probable the search takes them to be."""

from typing import Any

from keras import ops

from keras_attention.generation.rows import RowOptions


def penalize_repetition(logits: Any, seen: Any, rows: RowOptions) -> Any:
    r"""Make tokens that the hypothesis has less likely.

    $$ l_v \leftarrow l_v / \theta \text{ if } l_v > 0 \text{ else } l_v \theta $$

    Args:
        logits: `[B, K, V]`.
        seen: `[B, K, V]` booleans.
        rows: With $\theta$, `repetition_penalty`.

    References:
        Keskar et al. 2019, arXiv 1909.05858, section 4.1 (which divides negative
        logits too, and so makes them likelier; the common form multiplies).
    """
    theta = ops.reshape(rows.repetition_penalty, (-1, 1, 1))  # [B, 1, 1]
    punished = ops.where(logits > 0, logits / theta, logits * theta)
    return ops.where(seen, punished, logits)


def allowed_tokens(
    t: Any, rows: RowOptions, blocked: Any, pad_id: int, end_id: int
) -> Any:
    """Tokens that may come at step `t`, `[B, K, V]` or `[B, 1, V]` booleans.

    A forced prefix overrides everything. Where nothing is left, the end is.

    Args:
        t: int32 scalar, 0 at the first token.
        rows: The options.
        blocked: `[B, K, V]` tokens that would repeat an n-gram, or None.
        pad_id, end_id: Special tokens; padding never comes.
    """
    vocabulary = ops.arange(rows.banned.shape[-1], dtype="int32")  # [V]
    is_end = ops.equal(vocabulary, end_id)
    too_short = ops.expand_dims(t + 1 < rows.min_length, -1)  # [B, 1]
    allowed = ops.logical_not(
        ops.logical_or(rows.banned, ops.logical_and(too_short, is_end))
    )
    allowed = ops.logical_and(allowed, ops.not_equal(vocabulary, pad_id))  # [B, V]
    allowed = ops.expand_dims(allowed, 1)  # [B, 1, V]
    if blocked is not None:
        allowed = ops.logical_and(allowed, ops.logical_not(blocked))  # [B, K, V]
    none_left = ops.logical_not(ops.any(allowed, axis=-1, keepdims=True))
    allowed = ops.logical_or(allowed, ops.logical_and(none_left, is_end))
    width = rows.prefix.shape[1] or ops.shape(rows.prefix)[1]
    forced = ops.take(rows.prefix, ops.minimum(t, width - 1), axis=1)  # [B]
    forced = ops.where(t < width, forced, ops.full_like(forced, -1))
    forced = ops.reshape(forced, (-1, 1, 1))  # [B, 1, 1]
    return ops.where(forced >= 0, ops.equal(vocabulary, forced), allowed)


def repeated_ngrams(history: Any, t: Any, rows: RowOptions, largest: int) -> Any:
    """Tokens that would complete an n-gram a second time, `[B, K, V]` booleans.

    Args:
        history: `[B, K, L]` tokens so far; position `t` and later are -1.
        t: int32 scalar, how many there are.
        rows: With n, `no_repeat_ngram`, 0 for rows that may repeat.
        largest: Bound on n.
    """
    batch, slots, length = ops.shape(history)
    vocabulary_size = rows.banned.shape[-1]
    places = ops.arange(length, dtype="int32")  # [L]
    n = ops.reshape(rows.no_repeat_ngram, (-1, 1, 1))  # [B, 1, 1]
    # After place e comes history[e + 1]; it is blocked when the n - 1 tokens that
    # end at e are the last n - 1 tokens.
    matches = ops.broadcast_to(places + 1 < t, (batch, slots, length))
    for back in range(largest - 1):
        last = _at(history, t - 1 - back)  # [B, K, 1]
        earlier = _shifted(history, back)  # [B, K, L]: history[e - back]
        same = ops.logical_and(ops.equal(earlier, last), places - back >= 0)
        same = ops.logical_and(same, t - 1 - back >= 0)
        matches = ops.logical_and(matches, ops.logical_or(same, back >= n - 1))
    enough = ops.logical_and(n > 0, t >= n - 1)
    first = ops.logical_and(ops.equal(n, 1), ops.equal(places, 0))
    following = _shifted(history, -1)  # [B, K, L]: history[e + 1]
    matches = ops.logical_and(matches, ops.logical_and(enough, following >= 0))
    blocked = _marked(following, matches, batch * slots, vocabulary_size)
    # For n = 1 the first token has no place before it.
    single = ops.logical_and(ops.logical_and(first, enough), history >= 0)
    blocked = ops.logical_or(
        blocked, _marked(history, single, batch * slots, vocabulary_size)
    )
    return ops.reshape(blocked, (batch, slots, vocabulary_size))


def keep_likely(logits: Any, rows: RowOptions) -> Any:
    """-inf for tokens outside the k most likely and outside the nucleus.

    Args:
        logits: `[B, K, V]`, divided by the temperature.
        rows: With `top_k` (0: all) and `top_p` (1: all), in this order.

    References:
        Fan et al. 2018, arXiv 1805.04833 (top-k); Holtzman et al. 2019,
        arXiv 1904.09751, section 3.1 (nucleus).
    """
    size = logits.shape[-1]
    ordered = ops.flip(ops.sort(logits, axis=-1), -1)  # [B, K, V]
    k = ops.reshape(rows.top_k, (-1, 1, 1))
    k = ops.where(k > 0, k, ops.full_like(k, size))
    lowest = ops.full_like(ordered, -float("inf"))
    ordered = ops.where(ops.arange(size, dtype="int32") < k, ordered, lowest)
    probabilities = ops.softmax(ordered, axis=-1)
    before = ops.cumsum(probabilities, axis=-1) - probabilities
    inside = before < ops.reshape(rows.top_p, (-1, 1, 1))
    inside = ops.logical_and(inside, ordered > -float("inf"))
    least = ops.min(
        ops.where(inside, ordered, ops.full_like(ordered, float("inf"))),
        axis=-1,
        keepdims=True,
        initial=float("inf"),
    )  # [B, K, 1]
    return ops.where(logits >= least, logits, lowest)


def _at(history: Any, place: Any) -> Any:
    place = ops.maximum(place, 0)
    return ops.expand_dims(ops.take(history, place, axis=2), -1)  # [B, K, 1]


def _shifted(history: Any, by: int) -> Any:
    """`history[..., e - by]` at e, -1 where there is no such place."""
    if by == 0:
        return history
    none = ops.full_like(history[:, :, : abs(by)], -1)
    if by > 0:
        return ops.concatenate([none, history[:, :, :-by]], axis=2)
    return ops.concatenate([history[:, :, -by:], none], axis=2)


def _marked(tokens: Any, where: Any, hypotheses: Any, vocabulary_size: int) -> Any:
    """Booleans `[N * V]`: whether a token stands at one of the places of its row."""
    width = ops.shape(tokens)[2]
    tokens = ops.reshape(ops.maximum(tokens, 0), (hypotheses, width))
    row = ops.expand_dims(ops.arange(hypotheses, dtype="int32"), -1)
    index = ops.reshape(row * vocabulary_size + tokens, (-1, 1))
    count = ops.cast(ops.reshape(where, (-1,)), "int32")
    return ops.scatter(index, count, (hypotheses * vocabulary_size,)) > 0
