"""Energies that see the weights of earlier steps, each from its paper."""

import numpy as np

from tests.reference import entries
from tests.reference.attention import masked_softmax
from tests.reference.entries import COUNT, ODD, Case, Mechanism, U

_SMALL_CONVOLUTION = {"units": U, "filters": 3, "width": 3}


def with_memory(query, keys, parts, feature, value_mask, query_mask, heads=1):
    """Weights of an additive score whose hidden layer also sees earlier weights.

    ``e_ts = v^T tanh(W q_t + V k_s + b + feature(history)_s)`` and a softmax over the
    valid positions, one step after the other. ``parts`` are W, V, v and b;
    ``feature(history, part)`` gives ``[S, U / H]`` for a head from the list of its
    weights ``[S]`` so far, ``part`` being its slice of the units. Masked queries are
    not steps.
    """
    query_kernel, key_kernel, v, b = parts
    batch, targets = query.shape[:2]
    positions = keys.shape[1]
    weights = np.zeros((batch, heads, targets, positions))
    slices = np.split(np.arange(len(v)), heads)
    for row in range(batch):
        for head, part in enumerate(slices):
            history = []
            for t in range(targets):
                if not query_mask[row, t]:
                    continue
                hidden = query[row, t] @ query_kernel[:, part]
                hidden = hidden + keys[row] @ key_kernel[:, part] + b[part]
                hidden = hidden + feature(history, part, positions)
                energies = np.tanh(hidden) @ v[part]
                history.append(masked_softmax(energies, value_mask[row]))
                weights[row, head, t] = history[-1]
    return weights


def convolved(history, filters):
    """``F * history`` with zeros beyond the ends: ``[S, F]`` of ``[S, C]``.

    Chorowski et al. 2015, equation 8. ``filters [width, C, F]``; as in every deep
    learning library the filter is not flipped.
    """
    width = len(filters)
    half = width // 2
    padded = np.pad(history, ((half, half), (0, 0)))
    return np.stack(
        [
            np.einsum("wc,wcf->f", padded[s : s + width], filters)
            for s in range(len(history))
        ]
    )


def _parts(w):
    names = ("query/kernel", "key/kernel", "v", "b")
    return [w.score(f"additive/{name}") for name in names]


def _coverage(w, query, key, value, value_mask, query_mask, heads):
    w_c = w.score("w_c")

    def feature(history, part, positions):
        total = np.sum([np.zeros(positions), *history], axis=0)
        return total[:, None] * w_c[part]

    return with_memory(query, key, _parts(w), feature, value_mask, query_mask, heads)


entries.score(
    "coverage",
    weights=_coverage,
    small={"units": U},
    other={"use_bias": False},
    refuses={"units": COUNT},
)


def _location_sensitive(sources, **case):
    def weights(w, query, key, value, value_mask, query_mask, heads):
        filters, location = w.score("filters"), w.score("location")

        def feature(history, part, positions):
            past = [np.zeros(positions), *history]
            channels = {
                "previous": [past[-1]],
                "cumulative": [np.sum(past, axis=0)],
                "both": [past[-1], np.sum(past, axis=0)],
            }[sources]
            found = convolved(np.stack(channels, axis=-1), filters)
            return found @ location[:, part]

        parts = _parts(w)
        return with_memory(query, key, parts, feature, value_mask, query_mask, heads)

    options = _SMALL_CONVOLUTION | {"sources": sources}
    return Case(
        Mechanism("location_sensitive", score_options=options), weights=weights, **case
    )


entries.score(
    "location_sensitive",
    small=_SMALL_CONVOLUTION,
    cases={
        "location_sensitive": _location_sensitive("previous"),
        "location_sensitive_sum": _location_sensitive(
            "cumulative", heads=(2,), distinct=False
        ),
        "location_sensitive_both": _location_sensitive(
            "both", heads=(2,), distinct=False
        ),
    },
    other={"sources": "both", "use_bias": False},
    refuses={
        **{"units": COUNT, "filters": COUNT, "width": ODD},
        "sources": (("current", None), "one of .*'previous'"),
    },
    learns={
        "location_sensitive": lambda longest: Mechanism(
            "location_sensitive", "softmax", {"filters": 8, "width": 3}
        )
    },
)
