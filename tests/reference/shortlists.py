"""Shortlists counted one alignment at a time, with Python's dictionaries and sets."""

import math
from collections import defaultdict

import numpy as np


def counts(weights, sources, targets):
    """``c[s][t]``: sums of weights ``[B, T, S]`` between tokens, without padding."""
    table = defaultdict(lambda: defaultdict(float))
    for row, source, target in zip(weights, sources, targets, strict=True):
        for j, t in enumerate(target):
            for i, s in enumerate(source):
                if s != 0 and t != 0:
                    table[int(s)][int(t)] += float(row[j][i])
    return table


def best(table, source, candidates, threshold=0.0):
    """Targets of a source token, the most probable first, of equals the lower id."""
    total = sum(table[source].values())
    probable = [
        (-count / total, target)
        for target, count in table[source].items()
        if count > 0 and count / total >= threshold
    ]
    return [target for _, target in sorted(probable)][:candidates]


def frequent(table, number):
    """Targets with the largest sums over all sources."""
    sums = defaultdict(float)
    for row in table.values():
        for target, count in row.items():
            sums[target] += count
    return [t for _, t in sorted((-count, t) for t, count in sums.items())][:number]


def candidates(lists, everyones, source, special, forced=()):
    """What may come in a sentence: a set of target ids."""
    found = {*everyones, *special, *forced}
    for token in source:
        if token != special[0]:
            found |= {t for t in lists[token] if t >= 0}
    return {int(t) for t in found}


def log_probs(logits, allowed):
    """``[V]``: the softmax over the allowed tokens alone, minus infinity elsewhere."""
    allowed = sorted(allowed)
    top = max(float(logits[v]) for v in allowed)
    norm = top + math.log(sum(math.exp(float(logits[v]) - top) for v in allowed))
    table = np.full(len(logits), -np.inf)
    for v in allowed:
        table[v] = float(logits[v]) - norm
    return table
