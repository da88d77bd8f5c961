"""Whether a state is one that a mechanism carries over this memory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras


class TensorForm(NamedTuple):
    """What is known of a tensor without its numbers.

    Attributes:
        shape: None for a dimension, or for all of them, that only the run will tell.
        dtype: Its name.
    """

    shape: tuple[int | None, ...] | None
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype} {'of any shape' if self.shape is None else self.shape}"


class TupleForm(NamedTuple):
    """The same of a tuple, a list or a dict.

    Attributes:
        kind: The name of a NamedTuple or of a dict, otherwise empty.
        names: Those of its parts, where they have some.
        parts: Their forms.
    """

    kind: str
    names: tuple[str, ...]
    parts: tuple[Any, ...]

    def __str__(self) -> str:
        if self.names:
            pairs = zip(self.names, self.parts, strict=True)
            return f"{self.kind}({', '.join(f'{name}={part}' for name, part in pairs)})"
        return f"({', '.join(map(str, self.parts))})"


def form_of(value: Any) -> TensorForm | TupleForm:
    """The form of tensors, arrays or numbers in tuples, lists and dicts."""
    if isinstance(value, dict):
        names = tuple(sorted(value, key=str))
        parts = tuple(form_of(value[name]) for name in names)
        return TupleForm("dict", tuple(map(str, names)), parts)
    if isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", ())
        kind = type(value).__name__ if names else ""
        return TupleForm(kind, names, tuple(map(form_of, value)))
    if not hasattr(value, "dtype"):
        return TensorForm((), type(value).__name__)
    shape = value.shape
    known = getattr(shape, "rank", 0) is not None
    return TensorForm(
        # JAX has expressions in the places of lengths that it does not know.
        tuple(n if isinstance(n, int) else None for n in shape) if known else None,
        keras.backend.standardize_dtype(value.dtype),
    )


def agree(one: TensorForm | TupleForm, other: TensorForm | TupleForm) -> bool:
    """Whether both can be the form of one value."""
    if isinstance(one, TupleForm) and isinstance(other, TupleForm):
        same = one[:2] == other[:2] and len(one.parts) == len(other.parts)
        return same and all(map(agree, one.parts, other.parts))
    if isinstance(one, TensorForm) and isinstance(other, TensorForm):
        if one.dtype != other.dtype or None in (one.shape, other.shape):
            return one.dtype == other.dtype
        one_shape, other_shape = one.shape or (), other.shape or ()
        return len(one_shape) == len(other_shape) and all(
            a == b or a is None or b is None
            for a, b in zip(one_shape, other_shape, strict=True)
        )
    return False


class StateForm:
    """The form of a layer's states, remembered for one form of memory.

    Shapes and types alone are held, never tensors.
    """

    def __init__(self) -> None:
        self._known: tuple[Any, Any] = (None, None)

    def check(
        self, initial_state: Callable[[Any], Any], memory: Any, state: Any
    ) -> None:
        """Raise ValueError unless the state is one that the layer carries here.

        Args:
            initial_state: The layer's first state for a memory.
            memory: What the step is given.
            state: What the step is given.
        """
        over, expected = self._known
        given = form_of(memory)
        if over != given:
            expected = form_of(initial_state(memory))
            self._known = (given, expected)
        received = form_of(state)
        if received != expected and not agree(expected, received):
            raise ValueError(
                "`state` must be one that this layer's `initial_state` or `step` "
                f"returned for this memory. Expected: {expected}. "
                f"Received: {received}"
            )
