r"""Alignment functions: from energies to weights.

| name | equation | parameters | state | paper |
|---|---|---|---|---|
| `softmax` | $\exp(e_s / \theta) / \sum_r \exp(e_r / \theta)$ over valid positions | none | none | Bahdanau et al. 2014, eq. 6 |
| `sigmoid` | $\sigma(e_s) / \sum_r \sigma(e_r)$ | none | none | Chorowski et al. 2015, section 2.3 |
| `sparsemax` | $[e_s - \tau]_+$ | none | none | Martins & Astudillo 2016 |
| `entmax15` | $[e_s / 2 - \tau]_+^2$ | none | none | Peters et al. 2019 |
| `entmax` | $[(\alpha - 1) e_s - \tau]_+^{1/(\alpha-1)}$ | $\alpha$ | none | Correia et al. 2019 |
| `hard` | 1 at $\arg\max_s e_s$ | none | none | Xu et al. 2015, section 4.1 |
| `gumbel` | 1 at $\arg\max_s (e_s + g_s)$, g in training only | none | none | Xu et al. 2015; Jang et al. 2017 |
| `local_m` | softmax over $\lvert s - t \rvert \le D$ | none | step | Luong et al. 2015, section 3.2 |
| `local_p` | softmax over $\lvert s - p_t \rvert \le D$, times a Gaussian | $W_p, v_p$ | none | Luong et al. 2015, eq. 9, 10 |
| `monotonic` | $p_s q_s$, $q_s = (1 - p_{s-1}) q_{s-1} + a_{t-1,s}$ | $r$ | weights before | Raffel et al. 2017 |
| `mocha` | softmax over the chunk that ends at each stop of `monotonic` | $r$ | stops before, neighbours | Chiu & Raffel 2018 |
| `stepwise_monotonic` | $p_s a_{t-1,s} + (1 - p_{s-1}) a_{t-1,s-1}$ | $r$ | weights before, neighbours | He et al. 2019 |
| `forward` | $\propto (a_{t-1,s} + a_{t-1,s-1}) \exp(e_s)$ | none | weights before, neighbours | Zhang et al. 2018, algorithm 1 |
| `forward_transition` | $\propto ((1 - u) a_{t-1,s} + u\, a_{t-1,s-1}) \exp(e_s)$ | $W, b$ of $u$ | weights before, neighbours, $u$ | Zhang et al. 2018, algorithm 2 |
| `exp` | $\exp(e_s)$, for scores that make log-weights | none | none | Graves 2013, eq. 46 |
| `window` | another alignment, over $\lvert s - c_{t-1} \rvert$ within a window | those of that | $c_{t-1}$ | Ping et al. 2018; Chorowski et al. 2015 |
| `last` | 1 at the last valid position | none | none | Sutskever et al. 2014 (no attention) |

In `monotonic`, `mocha` and `stepwise_monotonic`, $p_s = \sigma(e_s + r + \epsilon_s)$.
Neighbours are indices of the mask, the valid position before each one (and for `mocha`
that after it), which do not change from step to step.
"""  # noqa: E501

from typing import Any

from keras_attention.attention.alignments.base import Alignment, CarriedAlignment
from keras_attention.attention.alignments.entmax import EntmaxAlignment
from keras_attention.attention.alignments.entmax15 import Entmax15Alignment
from keras_attention.attention.alignments.exponential import ExponentialAlignment
from keras_attention.attention.alignments.forward import ForwardAlignment
from keras_attention.attention.alignments.forward_transition import (
    ForwardTransitionAlignment,
)
from keras_attention.attention.alignments.gumbel import GumbelAlignment
from keras_attention.attention.alignments.hard import HardAlignment
from keras_attention.attention.alignments.last import LastAlignment
from keras_attention.attention.alignments.local import (
    LocalMonotonicAlignment,
    LocalPredictiveAlignment,
)
from keras_attention.attention.alignments.mocha import MochaAlignment
from keras_attention.attention.alignments.monotonic import MonotonicAlignment
from keras_attention.attention.alignments.registered import registry
from keras_attention.attention.alignments.sigmoid import SigmoidAlignment
from keras_attention.attention.alignments.softmax import SoftmaxAlignment
from keras_attention.attention.alignments.sparsemax import SparsemaxAlignment
from keras_attention.attention.alignments.stepwise_monotonic import (
    StepwiseMonotonicAlignment,
)
from keras_attention.attention.alignments.stopping_probability import SelectingAlignment
from keras_attention.attention.alignments.window import WindowAlignment

registry.add("softmax", SoftmaxAlignment)
registry.add("sigmoid", SigmoidAlignment)
registry.add("sparsemax", SparsemaxAlignment)
registry.add("entmax15", Entmax15Alignment)
registry.add("entmax", EntmaxAlignment)
registry.add("hard", HardAlignment)
registry.add("gumbel", GumbelAlignment)
registry.add("local_m", LocalMonotonicAlignment)
registry.add("local_p", LocalPredictiveAlignment)
registry.add("monotonic", MonotonicAlignment)
registry.add("mocha", MochaAlignment)
registry.add("stepwise_monotonic", StepwiseMonotonicAlignment)
registry.add("forward", ForwardAlignment)
registry.add("forward_transition", ForwardTransitionAlignment)
registry.add("exp", ExponentialAlignment)
registry.add("last", LastAlignment)
registry.add("window", WindowAlignment)


def get(identifier: Any, **arguments: Any) -> Alignment:
    """An alignment from its name, configuration or itself; see `Registry.get`."""
    return registry.get(identifier, **arguments)


def names() -> list[str]:
    """Every registered name."""
    return registry.names()


__all__ = [
    "Alignment",
    "CarriedAlignment",
    "Entmax15Alignment",
    "EntmaxAlignment",
    "ExponentialAlignment",
    "ForwardAlignment",
    "ForwardTransitionAlignment",
    "GumbelAlignment",
    "HardAlignment",
    "LastAlignment",
    "LocalMonotonicAlignment",
    "LocalPredictiveAlignment",
    "MochaAlignment",
    "MonotonicAlignment",
    "SelectingAlignment",
    "SigmoidAlignment",
    "SoftmaxAlignment",
    "SparsemaxAlignment",
    "StepwiseMonotonicAlignment",
    "WindowAlignment",
    "get",
    "names",
    "registry",
]
