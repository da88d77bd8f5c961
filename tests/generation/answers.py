"""Settings as options, and answers beside those of an oracle."""

import numpy as np
from numpy.testing import assert_allclose

from tests.generation.tables import END, PAD
from tests.reference import search

OFF = {
    **search.Penalties()._asdict(),
    "min_length": 1,
}


def options_of(settings):
    """One option per key with a value per row."""
    names = {name for setting in settings for name in setting} | set(OFF)
    return {name: [(OFF | setting)[name] for setting in settings] for name in names}


def rules(tables, row, setting):
    """What the searches of ``tests.reference.search`` ask for, and the penalties."""
    setting = OFF | setting
    penalties = search.Penalties(**{k: setting[k] for k in search.Penalties._fields})

    def choose(prefix):
        early = len(prefix) + 1 < setting["min_length"]
        return [v for v in tables.no_padding(prefix) if not (early and v == END)]

    return {
        "model": tables.model(row),
        "choose": choose,
        "end_id": END,
        "source_mask": tables.mask[row],
        "penalties": penalties,
    }


def widened(generation):
    """One alternative, with the axis that several have."""
    names = ("ids", "lengths", "log_probs", "weights")
    return generation._replace(
        **{name: getattr(generation, name)[:, None] for name in names}
    )


def hypothesis(generation, row, place):
    """Tokens, log-probability and weights of one answer."""
    length = generation.lengths[row, place]
    return (
        tuple(generation.ids[row, place, :length].tolist()),
        generation.log_probs[row, place],
        generation.weights[row, place, :length],
    )


def assert_best(generation, row, wanted, alternatives):
    for place in range(alternatives):
        tokens, log_prob, weights = hypothesis(generation, row, place)
        if place >= len(wanted):
            assert tokens == ()
            assert log_prob < -1e38 and np.isfinite(log_prob)
            continue
        assert tokens == wanted[place].tokens, (row, place)
        assert_allclose(log_prob, wanted[place].log_prob, rtol=1e-5, atol=1e-5)
        assert_allclose(weights, np.stack(wanted[place].weights), atol=1e-7)
        length = len(tokens)
        assert (generation.ids[row, place, length:] == PAD).all()
        assert (generation.weights[row, place, length:] == 0).all()
