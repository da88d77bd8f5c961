r"""Constraint: no n-gram twice, for any n, at a cost that does not depend on n.

Of every place p of a hypothesis of length t it is known how many tokens that end just
before p equal its last tokens:

$$ m_p = \max\{m : y_{p-m} \dots y_{p-1} = y_{t-m} \dots y_{t-1}\} $$

An n-gram would occur again exactly where $m_p \ge n - 1$ and $y_p$ came next. A new
token $y$ changes all of them by

$$ m'_p = m_{p-1} + 1 \text{ if } y_{p-1} = y \text{ else } 0 $$
"""

from keras import ops

from keras_attention.backend.sizes import size
from keras_attention.generation.constraints import marked
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.layer_support.types import Ids, Mask, Tensor


def repeating(history: Ids, matched: Tensor, logits: Tensor, rows: RowOptions) -> Mask:
    """Tokens that would complete an n-gram a second time, `[B, K, V]` booleans.

    Args:
        history: `[B, K, L]` tokens so far, -1 after them.
        matched: `[B, K, L]` int32, the lengths above.
        rows: With n, `no_repeat_ngram`, 0 for rows that may repeat.
    """
    n = ops.reshape(rows.no_repeat_ngram, (-1, 1, 1))  # [B, 1, 1]
    again = (n > 0) & (matched >= n - 1)  # [B, K, L]
    return marked(history, size(logits, 2), again)


def lengthened(history: Ids, matched: Tensor, token: Ids) -> Tensor:
    """The lengths after one more token.

    Args:
        history: `[B, K, L]` tokens before it, -1 after them.
        matched: `[B, K, L]` of this history.
        token: `[B, K]`.
    """
    same = ops.equal(history, ops.expand_dims(token, -1))
    grown = ops.where(same, matched + 1, 0)
    # What holds of the tokens up to p - 1 belongs to place p.
    return ops.concatenate([ops.zeros_like(grown[:, :, :1]), grown[:, :, :-1]], axis=2)
