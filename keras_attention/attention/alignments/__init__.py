r"""Alignment functions: from energies to weights.

A module of this package announces its class where the class stands
(`registry.register`): tables, exports and the lists of messages follow.

In `monotonic`, `mocha` and `stepwise_monotonic`, $p_s = \sigma(e_s + r + \epsilon_s)$.
Neighbours are indices of the mask, the valid position before each one (and for `mocha`
that after it), which do not change from step to step.

"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from keras_attention.attention.alignments.base import (
    Alignment,
    CarriedAlignment,
    registry,
)
from keras_attention.attention.alignments.stopping_probability import SelectingAlignment

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
globals().update(registry.classes())

TABLE = registry.table(
    {
        "masks_by_head": "Weights follow from energies and a mask alone",
        "needs_log_weights": "Energies have to be logarithms of weights",
    },
)
__doc__ = f"{__doc__}{TABLE}\n"

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """The classes, which a checker cannot see."""


get, names = registry.get, registry.names

__all__ = [
    "Alignment",
    "CarriedAlignment",
    "SelectingAlignment",
    "get",
    "names",
    "registry",
    *registry.classes(),
]
