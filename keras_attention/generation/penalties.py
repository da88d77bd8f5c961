r"""Rank score: what hypotheses are ranked by, at every step and at the end.

$$ s(Y) = \frac{\log p(Y \mid X)}
               {\left(\frac{5 + |Y|}{6}\right)^{\alpha} |Y|^{\rho}}
        + \gamma \, |Y|
        + \beta \sum_{s:\,m_s} \log \min\Big(\sum_t a_{ts},\, 1\Big) $$

$|Y|$ counts the end symbol, always: the hypothesis that is about to end, the one
that ended long ago and the one that goes on are charged by the same rule.

| option | symbol | off | source |
|---|---|---|---|
| `length_penalty` | $\alpha$ | 0 | Wu et al. 2016, equation 14 |
| `length_power` | $\rho$ (1 is the average per token) | 0 | Marian's `--normalize` |
| `word_bonus` | $\gamma$ | 0 | Marian's `--word-penalty`, negated |
| `coverage_penalty` | $\beta$ | 0 | Wu et al. 2016, equation 14 |
"""

from keras import ops

from keras_attention.generation.options.row_options import RowOptions
from keras_attention.layer_support.types import Mask, Tensor

# log(0) would make -inf of a source position that hard attention never touched.
_LEAST_COVERAGE = 1e-10


def coverage_term(coverage: Tensor, source_mask: Mask) -> Tensor:
    r"""$\sum_{s:\,m_s} \log \min(\sum_t a_{ts}, 1)$, never above 0.

    Args:
        coverage: `[B, K, S]`, sums of the weights over the target so far.
        source_mask: `[B, S]` booleans: padding is not waited for.
    """
    logs = ops.log(ops.clip(coverage, _LEAST_COVERAGE, 1.0))
    valid = ops.expand_dims(source_mask, 1)  # [B, 1, S]
    return ops.sum(ops.where(valid, logs, 0.0), axis=-1)  # [B, K]


def normalizer(length: Tensor, rows: RowOptions) -> Tensor:
    """What log-probabilities of sequences of this length are divided by.

    Args:
        length: `[B, ...]` float, end included, at least 1.
        rows: `RowOptions`, each field `[B]`.
    """
    alpha = _like(rows.length_penalty, length)
    power = _like(rows.length_power, length)
    return ops.power((5.0 + length) / 6.0, alpha) * ops.power(length, power)


def rank_score(
    log_prob: Tensor, length: Tensor, covered: Tensor, rows: RowOptions
) -> Tensor:
    """The rank score of hypotheses.

    Args:
        log_prob: `[B, ...]` sums of log-probabilities.
        length: Lengths with the end, broadcastable to `log_prob`.
        covered: What `coverage_term` gave, broadcastable, or 0.
    """
    score = log_prob / normalizer(length, rows)
    score = score + _like(rows.word_bonus, length) * length
    return score + _like(rows.coverage_penalty, log_prob) * covered


def coverage_beside_log_prob(
    covered: Tensor, length: Tensor, rows: RowOptions
) -> Tensor:
    """What coverage counts for beside log-probabilities, between equal lengths.

    Args:
        covered: `[B, K]`, what `coverage_term` gave.
        length: As for `normalizer`.
    """
    weight = _like(rows.coverage_penalty, covered)
    # Beyond float32 the penalty of length leaves coverage alone to decide.
    divisor = ops.minimum(normalizer(length, rows), 1e30)
    return weight * covered * divisor


def upper_bound(
    log_prob: Tensor, length: Tensor, longest: Tensor, divisor: Tensor, rows: RowOptions
) -> Tensor:
    """No continuation of a hypothesis can rank above this.

    Log-probabilities only fall and the coverage term is at most 0, so the bound
    is the score with the least division, at the longest length, and the larger
    of the two bonuses. Exact optimality of the stopping rule rests on it; it
    holds because the options allow no negative penalty or power.

    Args:
        log_prob: `[B, K]` sums so far, at most 0.
        length: `[B, 1]` the least length of a continuation, its end included.
        longest: `[B, 1]` the most tokens that the row may have.
        divisor: `normalizer(longest, rows)`, the same at every step.
    """
    bonus = _like(rows.word_bonus, length)
    best_bonus = ops.maximum(bonus * length, bonus * longest)
    return log_prob / divisor + best_bonus


def _like(value: Tensor, like: Tensor) -> Tensor:
    for _ in range(len(like.shape) - 1):
        value = ops.expand_dims(value, -1)
    return value
