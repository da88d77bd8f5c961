"""Score functions: what a query thinks of a key, before normalisation.

A module of this package announces its class where the class stands
(`registry.register`): tables, exports and the lists of messages follow.

"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from keras_attention.attention.scores.base import Score, registry

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
globals().update(registry.classes())

TABLE = registry.table(
    {
        "pairwise": "An energy depends on a query and one key",
        "log_weights": "Energies are logarithms of weights",
    },
)
__doc__ = f"{__doc__}{TABLE}\n"

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """The classes, which a checker cannot see."""


get, names = registry.get, registry.names

__all__ = ["Score", "get", "names", "registry", *registry.classes()]
