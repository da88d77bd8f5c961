"""Finding and setting a layer's weights by the ends of their paths."""

import numpy as np

from tests.layers.gradients import to_numpy


def variable(layer, suffix):
    """The one variable whose path is, or ends with, ``suffix``."""
    found = [v for v in layer.weights if f"/{v.path}".endswith(f"/{suffix}")]
    paths = [v.path for v in layer.weights]
    if len(found) != 1:
        raise LookupError(f"{len(found)} weights end with {suffix!r} among {paths}")
    return found[0]


def weight(layer, suffix):
    """Its value, float64."""
    return to_numpy(variable(layer, suffix))


def randomize(layer, seed=3, scale=0.7):
    """Normal numbers into every weight, so that none is left at 0 or 1."""
    random = np.random.default_rng(seed)
    for v in layer.weights:
        # Seed generators are state, not weights to be set.
        if "seed" not in v.path:
            v.assign(random.normal(scale=scale, size=v.shape))
    return layer
