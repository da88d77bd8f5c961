r"""Alignment functions: from energies to weights.

| name | equation | parameters | state | paper |
|---|---|---|---|---|
| `softmax` | $\exp(e_s) / \sum_r \exp(e_r)$ over valid positions | none | none | Bahdanau et al. 2014, eq. 6 |
| `sigmoid` | $\sigma(e_s) / \sum_r \sigma(e_r)$ | none | none | Chorowski et al. 2015, eq. 13 |
| `sparsemax` | $[e_s - \tau]_+$ | none | none | Martins & Astudillo 2016 |
| `entmax15` | $[e_s / 2 - \tau]_+^2$ | none | none | Peters et al. 2019 |
| `entmax` | $[(\alpha - 1) e_s - \tau]_+^{1/(\alpha-1)}$ | $\alpha$ | none | Correia et al. 2019 |
| `hard` | 1 at $\arg\max_s e_s$ | none | none | Xu et al. 2015, section 4.1 |
| `local_m` | softmax over $\lvert s - t \rvert \le D$ | none | step | Luong et al. 2015, section 3.2 |
| `local_p` | softmax over $\lvert s - p_t \rvert \le D$, times a Gaussian | $W_p, v_p$ | none | Luong et al. 2015, eq. 9, 10 |
| `last` | 1 at the last valid position | none | none | Sutskever et al. 2014 (no attention) |
"""  # noqa: E501

from typing import Any

from keras_attention.alignments.base import Alignment
from keras_attention.alignments.entmax import EntmaxAlignment
from keras_attention.alignments.entmax15 import Entmax15Alignment
from keras_attention.alignments.hard import HardAlignment
from keras_attention.alignments.last import LastAlignment
from keras_attention.alignments.local import (
    LocalMonotonicAlignment,
    LocalPredictiveAlignment,
)
from keras_attention.alignments.sigmoid import SigmoidAlignment
from keras_attention.alignments.softmax import SoftmaxAlignment
from keras_attention.alignments.sparsemax import SparsemaxAlignment
from keras_attention.registry import Registry

registry: Registry[Alignment] = Registry("alignment", Alignment)
registry.add("softmax", SoftmaxAlignment)
registry.add("sigmoid", SigmoidAlignment)
registry.add("sparsemax", SparsemaxAlignment)
registry.add("entmax15", Entmax15Alignment)
registry.add("entmax", EntmaxAlignment)
registry.add("hard", HardAlignment)
registry.add("local_m", LocalMonotonicAlignment)
registry.add("local_p", LocalPredictiveAlignment)
registry.add("last", LastAlignment)


def get(identifier: Any, **arguments: Any) -> Alignment:
    """An alignment from its name, configuration or itself; see `Registry.get`."""
    return registry.get(identifier, **arguments)


def names() -> list[str]:
    """Every registered name."""
    return registry.names()


__all__ = [
    "Alignment",
    "Entmax15Alignment",
    "EntmaxAlignment",
    "HardAlignment",
    "LastAlignment",
    "LocalMonotonicAlignment",
    "LocalPredictiveAlignment",
    "SigmoidAlignment",
    "SoftmaxAlignment",
    "SparsemaxAlignment",
    "get",
    "names",
    "registry",
]
