"""Constraints: which tokens may come next, and with which logits."""

from keras import ops

from keras_attention.backend.gather import gather
from keras_attention.backend.sizes import size
from keras_attention.generation.options.row_options import RowOptions, empty_width
from keras_attention.layer_support.types import Ids, Mask, Tensor


def penalize_repetition(logits: Tensor, history: Ids, rows: RowOptions) -> Tensor:
    r"""Make tokens that the hypothesis has less likely.

    $$ l_v \leftarrow l_v / \theta \text{ if } l_v > 0 \text{ else } l_v \theta $$

    Args:
        logits: `[B, K, V]`.
        history: `[B, K, L]` tokens so far, -1 after them.
        rows: With $\theta$, `repetition_penalty`.

    References:
        Keskar et al. 2019, arXiv 1909.05858, section 4.1 (which divides negative
        logits too, and so makes them likelier; the common form multiplies).
    """
    theta = ops.reshape(rows.repetition_penalty, (-1, 1, 1))  # [B, 1, 1]
    punished = ops.where(logits > 0, logits / theta, logits * theta)
    return ops.where(marked(history, size(logits, 2)), punished, logits)


def allowed_tokens(
    t: Tensor,
    rows: RowOptions,
    logits: Tensor,
    blocked: Mask,
    pad_id: int,
    end_id: int,
) -> Mask:
    """Tokens that may come at step `t`, `[B, K, V]` or `[B, 1, V]` booleans.

    A forced prefix overrides everything. Where nothing is left, the end is.

    Args:
        t: int32 scalar, 0 at the first token.
        blocked: `[B, K, V]` tokens that would repeat an n-gram (`[1, 1, 1]` where
            none would), or None.
    """
    width = size(logits, 2)
    vocabulary = ops.arange(width, dtype="int32")  # [V]
    is_end = ops.equal(vocabulary, end_id)
    too_short = ops.reshape(t + 1 < rows.min_length, (-1, 1, 1))  # [B, 1, 1]
    allowed = ~(too_short & is_end) & (vocabulary != pad_id)  # [B, 1, V]
    if rows.possible is not None:
        allowed = allowed & ops.expand_dims(rows.possible, 1)
    if not empty_width(rows.banned_tokens):
        allowed = allowed & ~marked(ops.expand_dims(rows.banned_tokens, 1), width)
    if blocked is not None:
        allowed = allowed & ~blocked  # [B, K, V]
    allowed = allowed | (~ops.any(allowed, axis=-1, keepdims=True) & is_end)
    if empty_width(rows.prefix):
        return allowed
    # One more place than there are, so that there is one where none is given.
    free = ops.zeros_like(ops.expand_dims(rows.limit, 1)) - 1  # [B, 1]
    prefix = ops.concatenate([rows.prefix, free], axis=1)  # [B, P + 1]
    here = ops.zeros_like(free) + ops.minimum(t, size(rows.prefix, 1))
    forced = gather(prefix, here, batch_axes=1)  # [B, 1]
    forced = ops.reshape(forced, (-1, 1, 1))  # [B, 1, 1]
    return ops.where(forced >= 0, ops.equal(vocabulary, forced), allowed)


def keep_likely(logits: Tensor, rows: RowOptions) -> Tensor:
    """-inf for tokens outside the k most likely and outside the nucleus.

    Args:
        logits: `[B, K, V]`, divided by the temperature.
        rows: With `top_k` (0: all) and `top_p` (1: all), in this order.

    References:
        Fan et al. 2018, arXiv 1805.04833 (top-k); Holtzman et al. 2019,
        arXiv 1904.09751, section 3.1 (nucleus).
    """
    width = size(logits, 2)
    ordered = ops.flip(ops.sort(logits, axis=-1), -1)  # [B, K, V]
    k = ops.reshape(rows.top_k, (-1, 1, 1))
    k = ops.where(k > 0, k, width)
    lowest = -float("inf")
    ordered = ops.where(ops.arange(width, dtype="int32") < k, ordered, lowest)
    probabilities = ops.softmax(ordered, axis=-1)
    before = ops.cumsum(probabilities, axis=-1) - probabilities
    inside = before < ops.reshape(rows.top_p, (-1, 1, 1))
    inside = inside & (ordered > lowest)
    least = ops.min(
        ops.where(inside, ordered, float("inf")),
        axis=-1,
        keepdims=True,
        initial=float("inf"),
    )  # [B, K, 1]
    return ops.where(logits >= least, logits, lowest)


def marked(tokens: Ids, width: Tensor, where: Mask = None) -> Mask:
    """Which tokens there are, `[B, K, V]` booleans.

    Args:
        tokens: `[B, K, L]`; what is not in the vocabulary, such as -1, stands for none.
        width: V.
        where: `[B, K, L]` booleans: the places that count, None for all.
    """
    there = (tokens >= 0) & (tokens < width)  # [B, K, L]
    if where is not None:
        there = there & where
    batch_size, slots = size(tokens, 0), size(tokens, 1)
    count = batch_size * slots
    hypothesis = ops.reshape(ops.arange(count, dtype="int32"), (batch_size, slots, 1))
    index = hypothesis * width + ops.where(there, tokens, 0)  # [B, K, L]
    found = ops.scatter_update(
        ops.zeros((count * width,), "int32"),
        ops.reshape(index, (-1, 1)),
        ops.cast(ops.reshape(there, (-1,)), "int32"),
        reduction="add",
    )
    return ops.reshape(found > 0, (batch_size, slots, width))
