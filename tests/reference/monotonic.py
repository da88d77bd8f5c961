"""Alignments that only move forward, each from its paper, on the valid positions of
one row, and all their paths where there are few.

A step takes what the papers' recursions take: probabilities or energies ``[S]`` of
this step and the weights ``[S]`` of the one before.
"""

import itertools

import numpy as np

from tests.reference import entries
from tests.reference.entries import COUNT, INF, NAN, Case, Mechanism, U
from tests.reference.scores import additive_energies, general_energies


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, "float64")))


def monotonic(p, previous):
    """Raffel et al. 2017, section 2.3: position after position."""
    weights, looked_at = np.zeros(len(p)), 0.0
    for j in range(len(p)):
        left = (1 - p[j - 1]) * looked_at if j else 0.0
        looked_at = left + previous[j]
        weights[j] = p[j] * looked_at
    return weights


def hard_monotonic(p, previous):
    """Raffel et al. 2017, algorithm 1, with a threshold in the place of the coin."""
    weights = np.zeros(len(p))
    if previous.any():
        for j in range(int(np.argmax(previous)), len(p)):
            if p[j] > 0.5:
                weights[j] = 1
                break
    return weights


def chunkwise(stops, chunk, width):
    """Chiu & Raffel 2018, the expected output, term by term."""
    weights = np.zeros(len(stops))
    for k, stop in enumerate(stops):
        first = max(0, k - width + 1)
        parts = np.exp(chunk[first : k + 1] - chunk[first : k + 1].max())
        weights[first : k + 1] += stop * parts / parts.sum()
    return weights


def stepwise(p, previous):
    """He et al. 2019: stay with p, else one position on."""
    moved = np.concatenate([[0], previous * (1 - p)])[: len(p)]
    return previous * p + moved


def forward(energies, previous, move=0.5):
    """Zhang et al. 2018, algorithm 2; algorithm 1 with ``move`` 1/2."""
    soft = np.exp(energies - energies.max())
    soft = soft / soft.sum()
    shifted = np.concatenate([[0], previous])[: len(previous)]
    weights = ((1 - move) * previous + move * shifted) * soft
    return weights / weights.sum()


def monotonic_paths(p):
    """Weights ``[T, S]`` of ``p [T, S]`` by trying every sequence of stops.

    A stop may be at S, which is none: nothing comes after it.
    """
    steps, positions = p.shape
    weights = np.zeros(p.shape)
    for path in itertools.product(range(positions + 1), repeat=steps):
        chance, start = 1.0, 0
        for t, stop in enumerate(path):
            if stop < start:
                chance = 0.0
                break
            chance *= np.prod(1 - p[t, start:stop])
            chance *= p[t, stop] if stop < positions else 1.0
            start = stop
        for t, stop in enumerate(path):
            if stop < positions:
                weights[t, stop] += chance
    return weights


def stepwise_paths(p):
    """The same for stepwise monotonic attention."""
    steps, positions = p.shape
    weights = np.zeros(p.shape)
    for moves in itertools.product((0, 1), repeat=steps):
        chance, at, path = 1.0, 0, []
        for t, move in enumerate(moves):
            if at < positions:
                chance *= (1 - p[t, at]) if move else p[t, at]
            elif move:  # Beyond the end there is one way to go on, not two.
                chance = 0.0
            at = min(at + move, positions)
            path.append(at)
        for t, at in enumerate(path):
            if at < positions:
                weights[t, at] += chance
    return weights


def forward_paths(energies):
    """Zhang et al. 2018: all paths by steps of 0 or 1, normalised last."""
    steps, positions = energies.shape
    soft = np.exp(energies) / np.exp(energies).sum(axis=-1, keepdims=True)
    weights = np.zeros(energies.shape)
    for last in range(steps):
        for moves in itertools.product((0, 1), repeat=last + 1):
            path = np.cumsum(moves)
            if path[-1] < positions:
                product = np.prod([soft[t, at] for t, at in enumerate(path)])
                weights[last, path[-1]] += product
        weights[last] /= weights[last].sum()
    return weights


def over_steps(query, value, value_mask, query_mask, heads, step):
    """Weights ``[B, H, T, S]`` of a mechanism that carries its weights on.

    ``step(b, t, h, previous, context)`` gives the weights of the valid positions of a
    row from those of the last step that was not masked (one at the first position
    before it) and that step's context ``[DV]`` (None before the first).
    """
    batch, targets = query.shape[:2]
    weights = np.zeros((batch, heads, targets, value.shape[1]))
    for b in range(batch):
        valid = value_mask[b]
        if not valid.any():
            continue
        carried = [np.eye(valid.sum())[0] for _ in range(heads)]
        context = None
        for t in range(targets):
            if not query_mask[b, t]:
                continue
            found = [step(b, t, h, carried[h], context) for h in range(heads)]
            carried = [state for _, state in found]
            for h, (row, _) in enumerate(found):
                weights[b, h, t, valid] = row
            parts = np.split(value[b, valid], heads, axis=-1)
            context = np.concatenate(
                [row @ part for (row, _), part in zip(found, parts, strict=True)]
            )
    return weights


def carried(
    name, step, score="general", energies=None, num_energies=1, options=None, **case
):
    """An alignment that carries its weights on, with a score that has no state.

    ``step(w, energies, previous, head, query, context)`` of the valid positions
    gives the weights and what is carried; ``energies [num_energies, S]`` are a head's.
    """
    energies = energies or general_energies()

    def weights(w, query, key, value, value_mask, query_mask, heads):
        found = energies(w, query, key, num_energies * heads)

        def one(b, t, h, previous, context):
            own = found[b, h::heads, t][:, value_mask[b]]
            before = query[b, : t + 1][query_mask[b, : t + 1]][-2:]
            return step(w, own, previous, h, before[0], context)

        return over_steps(query, value, value_mask, query_mask, heads, one)

    made = {"units": U} if score == "additive" else {}
    of = Mechanism(score, name, made, options or {})
    return Case(of, weights=weights, heads=(2,), **case)


def _probabilities(w, energies, head):
    return sigmoid(energies + w.alignment("score_bias")[head])


def _monotonic(w, energies, previous, head, *_):
    found = monotonic(_probabilities(w, energies[0], head), previous)
    return found, found


def _mocha(w, energies, previous, head, *_):
    stops = monotonic(_probabilities(w, energies[0], head), previous)
    return chunkwise(stops, energies[1], 2), stops


def _stepwise(w, energies, previous, head, *_):
    found = stepwise(_probabilities(w, energies[0], head), previous)
    return found, found


def _forward(w, energies, previous, *_):
    found = forward(energies[0], previous)
    return found, found


def _forward_transition(w, energies, previous, head, query, context):
    move = 0.5
    if context is not None:
        seen = np.concatenate([context, query]) @ w.alignment("transition/kernel")
        move = sigmoid(seen + w.alignment("transition/bias"))[head]
    found = forward(energies[0], previous, move)
    return found, found


_NO_FINITE = (INF, -INF, NAN, "1", None, True)
_SELECTING = {
    "mode": (("parallel", None), "one of"),
    "noise": ((-1.0, *_NO_FINITE), "a number of at least 0"),
    "score_bias": (_NO_FINITE, "a number"),
}
_SOFT = {"mode": "soft"}


FORWARD_ONLY = []


def _moving(name, case, options=None, learned=None, **entry):
    FORWARD_ONLY.append(name)
    entries.alignment(
        name,
        cases={name: case},
        learns={name: lambda longest: Mechanism("additive", name, {}, learned or {})},
        task="copy",
        **entry,
    )


_moving(
    "monotonic",
    carried("monotonic", _monotonic, options=_SOFT),
    other=_SOFT,
    refuses=_SELECTING,
)
_moving(
    "mocha",
    carried(
        "mocha", _mocha, "additive", additive_energies, 2, _SOFT | {"chunk_size": 2}
    ),
    small={"chunk_size": 2},
    other=_SOFT,
    refuses=_SELECTING | {"chunk_size": COUNT},
    learned={"chunk_size": 3},
)
_moving(
    "stepwise_monotonic",
    carried("stepwise_monotonic", _stepwise, options=_SOFT),
    other=_SOFT,
    refuses=_SELECTING,
)
_moving("forward", carried("forward", _forward))
_moving("forward_transition", carried("forward_transition", _forward_transition))
