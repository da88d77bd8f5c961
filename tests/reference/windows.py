"""A window around where attention was, on the valid positions of one row."""

import numpy as np


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
