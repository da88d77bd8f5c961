"""Type aliases of what layers take and return.

Tensors of TensorFlow, JAX, torch and Keras have no class in common, so that the names
say to a reader what a checker cannot know.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras

Tensor: TypeAlias = Any
"""A tensor of the active backend, symbolic or not, or an array that becomes one."""

Mask: TypeAlias = Tensor
"""Booleans, True where a position is valid; None where all are."""

Ids: TypeAlias = Tensor
"""Integers, places in a vocabulary."""

Nested: TypeAlias = Any
"""Tensors in tuples, lists, dicts and NamedTuples."""

Memory: TypeAlias = Nested
"""What `precompute` made of the source; only the layer that made it looks inside."""

State: TypeAlias = Nested
"""What is carried from one target step to the next; `()` where nothing is."""

Shape: TypeAlias = tuple[Any, ...]
"""Integers, and None where only the run will tell; of several memories their shapes."""

Size: TypeAlias = int | Tensor
"""A number, or a scalar where only the running graph knows it."""

Config: TypeAlias = dict[str, Any]
"""What `get_config` returns: JSON's types."""

Initializer: TypeAlias = (
    "str | Config | keras.initializers.Initializer | Callable[..., Tensor]"
)
Regularizer: TypeAlias = "str | Config | keras.regularizers.Regularizer | None"
Constraint: TypeAlias = "str | Config | keras.constraints.Constraint | None"
DType: TypeAlias = "str | Config | keras.DTypePolicy | None"

Identifier: TypeAlias = Any
"""A part by its name, its configuration or itself; see `Registry.get`."""
__all__ = [
    "Config",
    "Constraint",
    "DType",
    "Identifier",
    "Ids",
    "Initializer",
    "Mask",
    "Memory",
    "Nested",
    "Regularizer",
    "Shape",
    "Size",
    "State",
    "Tensor",
]
