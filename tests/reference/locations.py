"""Energies that come from positions alone, each from its paper."""

import math

import numpy as np

from tests.reference import entries
from tests.reference.attention import masked_softmax
from tests.reference.entries import COUNT, ODD, POSITIVE, Case, Mechanism, U


def gaussian_mixture(version, raw, means, count):
    """Battenberg et al. 2020, V0 to V2, Gaussian by Gaussian.

    ``raw`` are the three raw parameters, each ``[K]``; positions count from 1.
    Returns the weights ``[S]`` and the new means.
    """
    raw_weight, raw_step, raw_width = raw
    weights, new = np.zeros(count), np.zeros(len(means))
    softmax = np.exp(raw_weight) / np.exp(raw_weight).sum()
    for k in range(len(means)):
        if version == "v0":
            w, step = math.exp(raw_weight[k]), math.exp(raw_step[k])
            width, z = math.sqrt(math.exp(-raw_width[k]) / 2), 1.0
        elif version == "v1":
            w, step = softmax[k], math.exp(raw_step[k])
            width = math.sqrt(math.exp(raw_width[k]))
            z = math.sqrt(2 * math.pi * width**2)
        else:
            w, step = softmax[k], math.log1p(math.exp(raw_step[k]))
            width = math.log1p(math.exp(raw_width[k]))
            z = math.sqrt(2 * math.pi * width**2)
        new[k] = means[k] + step
        for s in range(1, count + 1):
            weights[s - 1] += w / z * math.exp(-((s - new[k]) ** 2) / (2 * width**2))
    return weights, new


def mixture_weights(version, query, parts, value_mask, query_mask, heads, normalise):
    """Weights ``[B, H, T, S]``; ``parts`` are W, b, V and the biases of step and width.

    V has the three parameters one after the other, each head after head.
    """
    kernel, bias, out, step_bias, width_bias = parts
    batch, targets = query.shape[:2]
    weights = np.zeros((batch, heads, targets, value_mask.shape[1]))
    components = out.shape[1] // 3 // heads
    for b in range(batch):
        count = value_mask[b].sum()
        means = np.zeros((heads, components))
        for t in range(targets):
            if not query_mask[b, t] or not count:
                continue
            raw = (np.tanh(query[b, t] @ kernel + bias) @ out).reshape(3, -1)
            raw = raw + np.stack([0 * step_bias, step_bias, width_bias])
            raw = raw.reshape(3, heads, components)
            for h in range(heads):
                row, means[h] = gaussian_mixture(version, raw[:, h], means[h], count)
                weights[b, h, t, value_mask[b]] = row / row.sum() if normalise else row
    return weights


def beta_binomial(n, alpha, beta):
    """Probabilities of 0 ... n, from their defining ratio of gamma functions."""
    g = math.gamma
    return [
        g(n + 1) / (g(k + 1) * g(n - k + 1))
        * g(k + alpha) * g(n - k + beta) / g(n + alpha + beta)
        * g(alpha + beta) / (g(alpha) * g(beta))
        for k in range(n + 1)
    ]  # fmt: skip


def dynamic_convolution(previous, dynamic, static, location, b, v, prior):
    """Battenberg et al. 2020, DCA: energies ``[S]`` of one row.

    ``dynamic [width, F]`` and ``static [width, F]`` are filters, ``location [2F, U]``
    takes the features of the static ones first.
    """
    count, half = len(previous), len(static) // 2
    energies = np.zeros(count)
    for s in range(count):
        features = np.zeros((2, static.shape[1]))
        for which, filters in enumerate((static, dynamic)):
            for w in range(len(filters)):
                at = s + w - half
                if 0 <= at < count:
                    features[which] += previous[at] * filters[w]
        expected = sum(
            prior[m] * previous[s - m] for m in range(len(prior)) if s - m >= 0
        )
        hidden = np.tanh(features.reshape(-1) @ location + b)
        energies[s] = hidden @ v + math.log(max(expected, 1e-6))
    return energies


def dynamic_convolution_weights(query, parts, prior, value_mask, query_mask, heads):
    """Weights ``[B, H, T, S]`` with a softmax over the valid positions."""
    static, kernel, bias, made, location, b, v = parts
    batch, targets = query.shape[:2]
    weights = np.zeros((batch, heads, targets, value_mask.shape[1]))
    slices = np.split(np.arange(len(v)), heads)
    for row in range(batch):
        if not value_mask[row].any():
            continue
        first = int(np.argmax(value_mask[row]))
        previous = [np.eye(value_mask.shape[1])[first] for _ in range(heads)]
        for t in range(targets):
            if not query_mask[row, t]:
                continue
            hidden = np.tanh(query[row, t] @ kernel + bias)
            dynamic = (hidden @ made).reshape(static.shape)
            for h, part in enumerate(slices):
                energies = dynamic_convolution(
                    previous[h], dynamic, static, location[:, part], b[part], v[part],
                    prior,
                )  # fmt: skip
                previous[h] = masked_softmax(energies, value_mask[row])
                weights[row, h, t] = previous[h]
    return weights


def _mixture(version, alignment="softmax", options=None, **case):
    options = options or {}

    def weights(w, query, key, value, value_mask, query_mask, heads):
        parts = [w.score(name) for name in ("hidden/kernel", "hidden/bias", "mixture")]
        biases = [
            w.score(name) if options else np.zeros(2 * heads)
            for name in ("step_bias", "width_bias")
        ]
        normalised = alignment == "softmax"
        parts += biases
        return mixture_weights(
            version, query, parts, value_mask, query_mask, heads, normalised
        )

    made = {"components": 2, "units": U} | options
    of = Mechanism(f"gmm_{version}", alignment, made)
    return Case(of, weights=weights, heads=(2,), **case)


def _learned(version):
    # "GMMv2b" of its paper: without a first step they stay where they begin.
    options = {"initial_step": 1.0, "initial_width": 1.0}
    return lambda longest: Mechanism(f"gmm_{version}", "exp", options)


for _version in ("v0", "v1", "v2"):
    _name = f"gmm_{_version}"
    _cases = {_name: _mixture(_version, distinct=_version == "v2")}
    if _version == "v2":
        _begins = {"initial_step": 1.0, "initial_width": 2.0}
        _cases["gmm_v2b_exp"] = _mixture("v2", "exp", _begins)
    else:
        _cases[f"{_name}_exp"] = _mixture(_version, "exp", distinct=False)
    entries.score(
        _name,
        cases=_cases,
        small={"components": 2},
        # Its name stands for the version.
        other={"version": _version},
        refuses={
            **{"components": COUNT, "units": COUNT},
            **{"initial_step": POSITIVE, "initial_width": POSITIVE},
        },
        learns={_name: _learned(_version)},
        task="copy",
    )


def _dynamic_convolution(w, query, key, value, value_mask, query_mask, heads):
    names = ("static", "dynamic/kernel", "dynamic/bias", "dynamic_filters", "location")
    parts = [w.score(name) for name in (*names, "b", "v")]
    prior = beta_binomial(3, 0.1, 0.9)
    return dynamic_convolution_weights(
        query, parts, prior, value_mask, query_mask, heads
    )


entries.score(
    "dynamic_convolution",
    weights=_dynamic_convolution,
    small={"units": U, "filters": 2, "width": 3, "prior_steps": 3},
    heads=(2,),
    refuses={
        **{"units": COUNT, "filters": COUNT, "width": ODD, "prior_steps": COUNT},
        **{"prior_alpha": POSITIVE, "prior_beta": POSITIVE},
    },
    learns={
        "dynamic_convolution": lambda longest: Mechanism(
            "dynamic_convolution", "softmax", {"width": 5, "prior_steps": 3}
        )
    },
    task="copy",
)
