r"""Alignment functions: from energies to weights.

| name | equation | parameters | state | paper |
|---|---|---|---|---|
| `softmax` | $\exp(e_s) / \sum_r \exp(e_r)$ over valid positions | none | none | Bahdanau et al. 2014, eq. 6 |
| `last` | 1 at the last valid position | none | none | Sutskever et al. 2014 (no attention) |
"""  # noqa: E501

from typing import Any

from keras_attention.alignments.base import Alignment
from keras_attention.alignments.last import LastAlignment
from keras_attention.alignments.softmax import SoftmaxAlignment
from keras_attention.registry import Registry

registry: Registry[Alignment] = Registry("alignment", Alignment)
registry.add("softmax", SoftmaxAlignment)
registry.add("last", LastAlignment)


def get(identifier: Any, **arguments: Any) -> Alignment:
    """An alignment from its name, configuration or itself; see `Registry.get`."""
    return registry.get(identifier, **arguments)


def names() -> list[str]:
    """Every registered name."""
    return registry.names()


__all__ = [
    "Alignment",
    "LastAlignment",
    "SoftmaxAlignment",
    "get",
    "names",
    "registry",
]
