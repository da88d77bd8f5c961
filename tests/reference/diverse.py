"""Diverse beam search as Vijayakumar et al. 2016, algorithm 1, writes it."""

from collections import Counter

from tests.reference.search import EMPTY, best_first, extensions


def diverse_beam_search(beam_size, groups, penalty, limit, **search):
    """The answers of a search that never stops before ``limit``, best first.

    "Beam candidates" of a group are its own extensions; a group's objective is that of
    the sequences plus ``penalty`` times a diversity that is minus the number of times
    that earlier groups chose the token at this step (section 4, Hamming diversity).
    A hypothesis ends, and goes on, as in ``search.beam_search``. A group brings as many
    answers as it has hypotheses.
    """
    size = beam_size // groups
    live = [[EMPTY] for _ in range(groups)]
    ended = [[] for _ in range(groups)]
    for step in range(limit):
        chosen = Counter()
        for g in range(groups):
            longer = [h for parent in live[g] for h in extensions(parent, **search)]
            seen = dict(chosen)
            longer.sort(
                key=lambda h, seen=seen: penalty * seen.get(h.tokens[-1], 0) - h.rank
            )
            finished = [h for h in longer[:size] if h.finished]
            live[g] = [h for h in longer if not h.finished][:size]
            chosen.update(h.tokens[-1] for h in finished + live[g])
            ended[g] += finished
            if step + 1 == limit:
                ended[g] += live[g]
    return best_first([h for own in ended for h in best_first(own)[:size]])
