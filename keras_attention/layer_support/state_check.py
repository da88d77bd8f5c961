"""The check of a state: whether a mechanism carries such a one over this memory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from keras_attention.layer_support.types import Memory, Nested, Shape, State


class _Form(NamedTuple):
    """A tensor without its numbers; dimensions that only the run will tell are None."""

    dtype: str
    shape: Shape | None

    def __repr__(self) -> str:
        return f"{self.dtype} {'of any shape' if self.shape is None else self.shape}"


def _form_of(value: Nested) -> Any:
    """A structure with the forms of its tensors, arrays or numbers."""
    if isinstance(value, dict):
        return {name: _form_of(part) for name, part in value.items()}
    if isinstance(value, (tuple, list)):
        parts = map(_form_of, value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if not hasattr(value, "dtype"):
        return _Form(type(value).__name__, ())
    shape = value.shape
    if getattr(shape, "rank", 0) is not None:
        # JAX has expressions in the places of lengths that it does not know.
        shape = tuple(n if isinstance(n, int) else None for n in shape)
    else:
        shape = None
    return _Form(keras.backend.standardize_dtype(value.dtype), shape)


def _agree(one: Any, other: Any) -> bool:
    """Whether both can be the form of one value."""
    if type(one) is not type(other) or len(one) != len(other):
        return False
    if isinstance(one, dict):
        return all(name in other and _agree(one[name], other[name]) for name in one)
    if not isinstance(one, _Form):
        return all(map(_agree, one, other))
    if one.shape is None or other.shape is None or one.dtype != other.dtype:
        return one.dtype == other.dtype
    return len(one.shape) == len(other.shape) and all(
        n == m or None in (n, m) for n, m in zip(one.shape, other.shape, strict=True)
    )


class StateCheck:
    """Refuses states of another form, of which it remembers that for one memory's.

    Shapes and types alone are held, never tensors.
    """

    def __init__(self) -> None:
        self._known: tuple[Any, Any] = (None, None)

    def __call__(
        self, initial_state: Callable[[Any], State], memory: Memory, state: State
    ) -> None:
        """Raise ValueError unless `state` has the form of the layer's initial state."""
        over = _form_of(memory)
        if self._known[0] != over:
            self._known = over, _form_of(initial_state(memory))
        expected, received = self._known[1], _form_of(state)
        if not _agree(expected, received):
            raise ValueError(
                "`state` must be one that this layer's `initial_state` or `step` "
                f"returned for this memory. Expected: {expected}. "
                f"Received: {received}"
            )
