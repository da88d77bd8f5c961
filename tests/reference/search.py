"""Search by enumeration: every sequence, or every extension of a beam.

A model is a function ``model(prefix) -> (log_probs [V], weights [S])`` of a tuple of
tokens, and ``choose(prefix) -> tokens`` says which may follow. Hypotheses are Python
tuples and nothing stops early, so these are slow and short.
"""

import math
from typing import NamedTuple

import numpy as np

# What a source position that was never attended to counts as: log(0) ranks nothing.
NEVER_ATTENDED = 1e-10


class Penalties(NamedTuple):
    length_penalty: float = 0.0
    length_power: float = 0.0
    word_bonus: float = 0.0
    coverage_penalty: float = 0.0


class Hypothesis(NamedTuple):
    """``score`` is what the search adds up, ``log_prob`` what the model says."""

    tokens: tuple
    score: float
    log_prob: float
    weights: tuple
    finished: bool
    rank: float


def divisor(length, penalties):
    """``lp(Y) = (5 + |Y|)^alpha / (5 + 1)^alpha`` (Wu et al. 2016, eq. 14), times
    ``|Y|^rho``."""
    gnmt = (5 + length) ** penalties.length_penalty / 6**penalties.length_penalty
    return gnmt * length**penalties.length_power


def coverage(weights, source_mask):
    """``sum_i log(min(sum_j p_ij, 1.0))`` (Wu et al. 2016, eq. 14) over the source
    positions i that are no padding; ``weights [T, S]``."""
    total = 0.0
    for position, attended in enumerate(np.sum(np.asarray(weights), axis=0)):
        if source_mask[position]:
            total += math.log(min(max(attended, NEVER_ATTENDED), 1.0))
    return total


def rank_score(score, weights, source_mask, penalties):
    """``s(Y, X) = log P(Y | X) / lp(Y) + cp(X; Y)`` (Wu et al. 2016, eq. 14), and a
    bonus for every token."""
    length = len(weights)
    ranked = score / divisor(length, penalties) + penalties.word_bonus * length
    if penalties.coverage_penalty:
        ranked += penalties.coverage_penalty * coverage(weights, source_mask)
    return ranked


def repeats(prefix, token, n):
    """Whether the n-gram that ``token`` completes is in ``prefix`` already."""
    if n == 0 or len(prefix) + 1 < n:
        return False
    ngram = (*prefix, token)[len(prefix) + 1 - n :]
    return any(prefix[i : i + n] == ngram for i in range(len(prefix) - n + 1))


def best_first(hypotheses):
    """Finished ones before those that were cut off, each by rank score."""
    return sorted(hypotheses, key=lambda h: (not h.finished, -h.rank))


def extensions(hypothesis, model, choose, end_id, source_mask, penalties, rescore=None):
    """Every hypothesis that is one token longer.

    ``rescore(prefix)`` gives log-probabilities for the search to use in place of
    the model's.
    """
    log_probs, weights = model(hypothesis.tokens)
    scores = log_probs if rescore is None else rescore(hypothesis.tokens)
    path = (*hypothesis.weights, weights)
    for token in choose(hypothesis.tokens):
        score = hypothesis.score + scores[token]
        yield Hypothesis(
            tokens=(*hypothesis.tokens, token),
            score=score,
            log_prob=hypothesis.log_prob + log_probs[token],
            weights=path,
            finished=token == end_id,
            rank=rank_score(score, path, source_mask, penalties),
        )


EMPTY = Hypothesis((), 0.0, 0.0, (), False, 0.0)


def exhaustive(limit, **search):
    """Every sequence that ends by itself or at ``limit`` tokens, best first."""
    ended, live = [], [EMPTY]
    for step in range(limit):
        longer = [h for parent in live for h in extensions(parent, **search)]
        ended += [h for h in longer if h.finished or step + 1 == limit]
        live = [h for h in longer if not h.finished]
    return best_first(ended)


class Step(NamedTuple):
    """What a beam search knows after a step."""

    ended: list
    live: list


def beam_search(beam_size, limit, **search):
    """Beam search that never stops before ``limit``; the ``Step`` of every step.

    A hypothesis ends where its end is among the first ``beam_size`` of all
    extensions by rank score; the best ``beam_size`` of the others go on.
    """
    ended, live, steps = [], [EMPTY], []
    for step in range(limit):
        longer = [h for parent in live for h in extensions(parent, **search)]
        longer.sort(key=lambda h: -h.rank)
        ended = ended + [h for h in longer[:beam_size] if h.finished]
        live = [h for h in longer if not h.finished][:beam_size]
        if step + 1 == limit:
            ended, live = ended + live, []
        steps.append(Step(best_first(ended), live))
    return steps


def steps_needed(steps, alternatives, limit, penalties):
    """Steps until no continuation of a live hypothesis can be among the best.

    Its log-probability cannot rise and it cannot lose by coverage, so the most it
    can rank is found by trying every length it may still reach.
    """
    for count, step in enumerate(steps, start=1):
        finished = [h for h in step.ended if h.finished][:alternatives]
        hopes = [
            h.score / divisor(length, penalties) + penalties.word_bonus * length
            for h in step.live
            for length in range(count + 1, limit + 1)
        ]
        if not hopes:
            return count
        if len(finished) == alternatives and finished[-1].rank >= max(hopes):
            return count
    raise AssertionError("a search ends at its limit")
