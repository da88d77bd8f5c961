"""Score functions: energies ``[B, H, T, S]`` from queries and keys.

Every function takes ``query [B, T, Dq]`` and ``keys [B, S, Dk]``. With several
heads the projected depth is cut into ``heads`` equal slices, and head h sees
slice h of both sides.
"""

import numpy as np

from tests.reference import entries
from tests.reference.entries import COUNT, POSITIVE, Case, D, Mechanism, U


def _slices(array, heads):
    """``[..., D]`` -> list of H arrays ``[..., D / H]``."""
    return np.split(np.asarray(array, "float64"), heads, axis=-1)


def additive(query, keys, query_kernel, key_kernel, v, bias=None, heads=1):
    """Bahdanau et al. 2014, appendix A.1.2.

    ``e_ij = v_a^T tanh(W_a s_{i-1} + U_a h_j)``; with ``bias`` b added inside the
    tanh. A head takes its slice of v_a, W_a and U_a.
    """
    query = np.asarray(query, "float64") @ query_kernel
    keys = np.asarray(keys, "float64") @ key_kernel
    bias = np.zeros(query.shape[-1]) if bias is None else np.asarray(bias, "float64")
    energies = []
    for q, k, part, b in zip(
        _slices(query, heads),
        _slices(keys, heads),
        _slices(v, heads),
        _slices(bias, heads),
        strict=True,
    ):
        hidden = np.tanh(q[:, :, None, :] + k[:, None, :, :] + b)
        energies.append(hidden @ part)
    return np.stack(energies, axis=1)


def normalized_additive(query, keys, query_kernel, key_kernel, v, g, b, heads=1):
    """Weight normalisation (Salimans & Kingma 2016, eq. 2) of v_a.

    ``w = g v / ||v||`` replaces v_a, and b is added inside the tanh. The norm is
    the Euclidean norm of the whole v, one scalar g for all heads.
    """
    v = np.asarray(v, "float64")
    w = float(np.squeeze(g)) * v / np.sqrt(np.sum(v**2))
    return additive(query, keys, query_kernel, key_kernel, w, b, heads)


def dot(query, keys, heads=1):
    """Luong et al. 2015, section 3.1, "dot": ``h_t^T h_s``."""
    pairs = zip(_slices(query, heads), _slices(keys, heads), strict=True)
    return np.stack([np.einsum("btd,bsd->bts", q, k) for q, k in pairs], axis=1)


def general(query, keys, kernel, heads=1):
    """Luong et al. 2015, section 3.1, "general": ``h_t^T W_a h_s``.

    ``kernel [Dk, Dq]`` is W_a transposed: it multiplies the memory.
    """
    return dot(query, np.asarray(keys, "float64") @ kernel, heads)


def layer_normalized_additive(query, keys, query_parts, key_parts, v, bias, heads=1):
    """Ba et al. 2016, equation 4, on both projections of an additive score.

    ``query_parts``, ``key_parts``: kernel and gain.
    """
    sides = []
    for x, (kernel, gain) in ((query, query_parts), (keys, key_parts)):
        a = np.asarray(x, "float64") @ kernel
        mean = a.mean(axis=-1, keepdims=True)
        spread = ((a - mean) ** 2).mean(axis=-1, keepdims=True)
        sides.append(gain * (a - mean) / np.sqrt(spread + 1e-3))
    eye = np.eye(len(v))
    return additive(*sides, eye, eye, v, bias, heads)


def concat(query, keys, kernel, v, heads=1):
    """Luong et al. 2015, section 3.1, "concat": ``v_a^T tanh(W_a [h_t; h_s])``."""
    query, keys = np.asarray(query, "float64"), np.asarray(keys, "float64")
    energies = np.zeros((len(query), heads, query.shape[1], keys.shape[1]))
    for row, step, position in np.ndindex(len(query), query.shape[1], keys.shape[1]):
        pair = np.concatenate([query[row, step], keys[row, position]])
        hidden = np.tanh(pair @ kernel)
        for head, (part, weight) in enumerate(
            zip(_slices(hidden, heads), _slices(v, heads), strict=True)
        ):
            energies[row, head, step, position] = part @ weight
    return energies


def scaled(energies, scale=None, depth=None, g=None):
    """``scale="sqrt"``: divided by the root of the depth that one head sees
    (Vaswani et al. 2017, eq. 1); ``"learned"``: multiplied by the scalar g.
    """
    if scale == "sqrt":
        return energies / np.sqrt(depth)
    if scale == "learned":
        return energies * float(np.squeeze(g))
    return energies


def cosine(query, keys, heads=1):
    """Graves et al. 2014, equation 6: u.v / (|u| |v|), 0 for a zero vector."""
    energies = []
    for q, k in zip(_slices(query, heads), _slices(keys, heads), strict=True):
        inner = np.einsum("btd,bsd->bts", q, k)
        lengths = (
            np.linalg.norm(q, axis=-1)[:, :, None] * np.linalg.norm(k, axis=-1)[:, None]
        )
        energies.append(np.where(lengths > 0, inner / np.where(lengths, lengths, 1), 0))
    return np.stack(energies, axis=1)


def location(query, kernel, positions, max_length, heads=1):
    """Luong et al. 2015, equation 8: ``W_a h_t``, row s for position s."""
    parts = np.split(np.asarray(query, "float64") @ kernel, heads, axis=-1)
    energies = np.full((len(query), heads, query.shape[1], positions), -np.inf)
    known = min(positions, max_length)
    for head, part in enumerate(parts):
        energies[:, head, :, :known] = part[:, :, :known]
    return energies


def additive_energies(w, query, keys, heads, v=None, bias=None):
    kernels = w.score("query/kernel"), w.score("key/kernel")
    v = w.score("v") if v is None else v
    return additive(query, keys, *kernels, v, bias, heads)


def _biased(w, query, keys, heads):
    return additive_energies(w, query, keys, heads, bias=w.score("b"))


def _normalized(w, query, keys, heads):
    kernels = w.score("query/kernel"), w.score("key/kernel")
    parts = w.score("v"), w.score("g"), w.score("b")
    return normalized_additive(query, keys, *kernels, *parts, heads)


def _layer_normalized(w, query, keys, heads, v=None):
    return layer_normalized_additive(
        query,
        keys,
        (w.score("query/kernel"), w.score("query_norm/gamma")),
        (w.score("key/kernel"), w.score("key_norm/gamma")),
        w.score("v") if v is None else v,
        w.score("b"),
        heads,
    )


def _both_normalized(w, query, keys, heads):
    v = w.score("v")
    return _layer_normalized(
        w, query, keys, heads, w.score("g") * v / np.linalg.norm(v)
    )


def _bahdanau(energies, heads=(1, 2), distinct=False, **options):
    options = {"units": U} | options
    of = Mechanism("additive", preset="BahdanauAttention", preset_options=options)
    return Case(of, energies, heads=heads, distinct=distinct)


def _luong(name, energies, key_depth=4, distinct=False, **options):
    options = {"score": name} | options
    of = Mechanism(name, preset="LuongAttention", preset_options=options)
    return Case(of, energies, key_depth=key_depth, distinct=distinct)


def _learned(name, alignment="softmax", **options):
    return lambda longest: Mechanism(name, alignment, options)


entries.score(
    "additive",
    small={"units": U},
    cases={
        "bahdanau": _bahdanau(additive_energies, distinct=True),
        "bahdanau_bias": _bahdanau(_biased, use_bias=True),
        "bahdanau_norm": _bahdanau(_normalized, normalize=True, distinct=True),
        "bahdanau_layer_norm": _bahdanau(
            _layer_normalized, (2,), True, layer_normalize=True, use_bias=True
        ),
        "bahdanau_both_norms": _bahdanau(
            _both_normalized, (2,), layer_normalize=True, normalize=True
        ),
    },
    refuses={"units": COUNT},
    learns={
        "bahdanau": _learned("additive", units=32),
        "bahdanau_norm": _learned("additive", units=32, normalize=True),
        "bahdanau_layer_norm": _learned("additive", units=32, layer_normalize=True),
    },
)


def _concat(w, query, keys, heads):
    return concat(query, keys, w.score("kernel"), w.score("v"), heads)


entries.score(
    "concat",
    small={"units": U},
    cases={"luong_concat": _luong("concat", _concat, units=U, distinct=True)},
    refuses={"units": COUNT},
)


def _dot(scale=None):
    def energies(w, query, keys, heads):
        g = w.score("g") if scale == "learned" else None
        depth = query.shape[-1] // heads
        return scaled(dot(query, keys, heads), scale, depth, g)

    return energies


_SCALE = {"scale": (("root", 2.0), "one of")}

entries.score(
    "dot",
    cases={
        "luong_dot": _luong("dot", _dot(), D, distinct=True),
        "luong_dot_sqrt": _luong("dot", _dot("sqrt"), D, scale="sqrt"),
        "luong_dot_learned": _luong("dot", _dot("learned"), D, scale="learned"),
    },
    other={"scale": "sqrt"},
    refuses=_SCALE,
)


def general_energies(scale=None):
    def energies(w, query, keys, heads):
        g = w.score("g") if scale == "learned" else None
        plain = general(query, keys, w.score("kernel"), heads)
        return scaled(plain, scale, query.shape[-1] // heads, g)

    return energies


entries.score(
    "general",
    cases={
        "luong_general": _luong("general", general_energies(), distinct=True),
        "luong_general_sqrt": _luong("general", general_energies("sqrt"), scale="sqrt"),
        "luong_general_learned": _luong(
            "general", general_energies("learned"), scale="learned"
        ),
        "luong_general_query": _luong(
            "general", general_energies("sqrt"), side="query", scale="sqrt"
        ),
        "composed": Case(Mechanism("general"), general_energies(), distinct=False),
    },
    other={"scale": "learned", "side": "query"},
    refuses=_SCALE | {"side": (("key",), "one of")},
    learns={
        "general": lambda longest: Mechanism("general"),
        "general_heads": lambda longest: Mechanism(
            preset="LuongAttention", preset_options={"num_heads": 2}
        ),
    },
)


def _cosine(sharpness, **case):
    def energies(w, query, keys, heads):
        plain = cosine(query, keys, heads)
        if sharpness == "learned":
            return plain * w.score("g")[None, :, None, None]
        if sharpness == "query":
            kernel = w.score("sharpness/kernel")
            emitted = query @ kernel + w.score("sharpness/bias")
            beta = np.log1p(np.exp(emitted))  # [B, T, H]
            return plain * np.transpose(beta, (0, 2, 1))[..., None]
        return plain * sharpness

    of = Mechanism("cosine", score_options={"sharpness": sharpness})
    return Case(of, energies, key_depth=D, **case)


entries.score(
    "cosine",
    cases={
        "cosine": _cosine("learned"),
        "cosine_query": _cosine("query", heads=(2,), distinct=False),
        "cosine_fixed": _cosine(3.0, heads=(2,), distinct=False),
    },
    other={"sharpness": "query"},
    refuses={"sharpness": ((*POSITIVE[0], "key", None), "a positive number")},
    learns={"cosine": _learned("cosine", sharpness=10.0)},
)


_MAX_LENGTH = 4


def _location(w, query, keys, heads):
    return location(query, w.score("kernel"), keys.shape[1], _MAX_LENGTH, heads)


entries.score(
    "location",
    _location,
    small={"max_length": _MAX_LENGTH},
    refuses={"max_length": COUNT},
    learns={
        "location": lambda longest: Mechanism(
            "location", "softmax", {"max_length": longest}
        )
    },
    task="copy",
)


def _zero(w, query, keys, heads):
    return np.zeros((len(query), heads, query.shape[1], keys.shape[1]))


entries.score("zero", _zero, learns={})
