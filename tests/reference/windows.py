"""A window around where attention was, on the valid positions of one row."""

import numpy as np

from tests.reference import alignments, entries
from tests.reference.entries import FROM_ZERO, Mechanism
from tests.reference.monotonic import carried


def centre_of(weights, centre):
    """Where weights ``[S]`` are: Ping et al. 2018 (argmax), Chorowski et al. 2015
    (median), or their mean, rounded."""
    if centre == "argmax":
        return int(np.argmax(weights))
    if centre == "median":
        for position in range(len(weights)):
            if weights[: position + 1].sum() >= weights.sum() / 2:
                return position
    return int(round(float((weights * np.arange(len(weights))).sum() / weights.sum())))


def window(energies, previous, before, after, centre, align):
    """``align`` of the energies around the centre of the ``previous`` weights."""
    at = centre_of(previous, centre)
    inside = slice(max(0, at - before), at + after + 1)
    weights = np.zeros(len(energies))
    weights[inside] = align(energies[inside])
    return weights


def _windowed(centre, inner, row, **case):
    """An alignment in a window around where its weights were."""

    def step(w, energies, previous, *_):
        found = window(energies[0], previous, 1, 2, centre, row)
        return found, found

    options = {"before": 1, "after": 2, "centre": centre, "when": "always"}
    return carried("window", step, options=options | {"alignment": inner}, **case)


entries.alignment(
    "window",
    cases={
        "window": _windowed("argmax", "softmax", alignments.softmax),
        "window_median": _windowed(
            "median",
            "entmax15",
            lambda energies: alignments.entmax(energies, 1.5),
            distinct=False,
        ),
        "window_mean": _windowed("mean", "sigmoid", alignments.sigmoid, distinct=False),
    },
    other={"alignment": "sparsemax", "centre": "median", "when": "always"},
    refuses={
        "before": FROM_ZERO,
        "after": FROM_ZERO,
        "centre": (("mode", None), "one of .*median"),
        "when": (("training", None), "one of .*always"),
    },
    learns={"window": lambda longest: Mechanism("general", "window")},
    task="copy",
)
