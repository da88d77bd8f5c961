"""An option of generation: its kind, its range, what needs it, what contradicts it."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

from keras import ops

from keras_attention.layer_support.types import Tensor

Kind: TypeAlias = Literal["integer", "number", "boolean", "ids"]

Rows: TypeAlias = Literal["all", "searching", "sampling"]
"""Rows that something is for: a row samples or searches, by its `sample`."""

INT32 = 2**31 - 1
_DTYPES = {"integer": "int32", "number": "float32", "boolean": "bool", "ids": "int32"}


class Contradiction(NamedTuple):
    """A rule about an option and another one, for NumPy arrays and tensors alike.

    Attributes:
        other: The other option.
        words: What must hold, with a place for the name of each.
        broken: Where it does not, from the values of both, which are within their
            ranges; of ids it takes how many there are.
        rows: The rows that it is for.
    """

    other: str
    words: str
    broken: Callable[[Tensor, Tensor], Tensor]
    rows: Rows = "all"

    def expected(self, option: "Option") -> str:
        """What an error says must hold."""
        return self.words.format(option.name, self.other)

    def received(self, option: "Option") -> str:
        """How an error shows the values, with a place for each."""
        own = "{} tokens" if option.kind == "ids" else f"{option.name}={{}}"
        return f"{own}, {self.other}={{}}"


class Option(NamedTuple):
    """An option.

    Attributes:
        name: Its name.
        default: What it is where nothing is said.
        kind: "integer", "number", "boolean" or "ids".
        doc: What it does, in Markdown.
        low, high: Its range.
        needs: The part of the search that acts on it: a flag of `Features`,
            "search" for the search as such, "limit" for what greedy search keeps to
            as well, None where it modifies another option's part.
        rows: The rows that it acts on.
        on: Where it asks for that part; None: where it differs from its default.
        contradiction: What contradicts it.
    """

    name: str
    default: Any
    kind: Kind
    doc: str
    low: float = 0
    high: float = INT32
    needs: str | None = "search"
    rows: Rows = "all"
    on: Callable[[Tensor], Tensor] | None = None
    contradiction: Contradiction | None = None

    @property
    def dtype(self) -> str:
        """Of its tensor, `[B]` or, with ids, `[B, M]`."""
        return _DTYPES[self.kind]

    @property
    def beyond_greedy(self) -> bool:
        """Whether greedy search does not know it."""
        return self.needs != "limit" and self.rows == "all"

    def is_on(self, values: Tensor) -> Tensor:
        """Where it asks for its part of the search, `[B]` or a scalar."""
        if self.kind == "ids":
            return ops.any(values >= 0, axis=1)
        if self.kind == "boolean":
            return values
        return values != self.default if self.on is None else self.on(values)

    def shown_default(self) -> str:
        """The default as the documentation writes it."""
        if self.default in (None, ()):
            return "none"
        return str(self.default).removesuffix(".0")


def bounds(low: float, high: float) -> str:
    """A range in words."""
    return f"at least {low:g}" if high == INT32 else f"in [{low:g}, {high:g}]"
