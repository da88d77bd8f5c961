"""Registry of the parts of one kind: found by name, configuration or instance."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import keras

from keras_attention.layer_support.building import from_config
from keras_attention.layer_support.types import Config, Identifier

Part = TypeVar("Part")
Registered = TypeVar("Registered", bound=type)


# What a row says, and where a docstring says it.
_CELLS = {
    "equation": r"\$\$?(.*?)\$",
    "parameters": r"^Weights: (.*?)(?:\.\s|\.?\Z)",
    "state": r"^State: (.*?)(?:\.\s|\.?\Z)",
    "source": r"^References:\n(.*?)(?:\.?\n\n|\Z)",
    "differs": r"^Relative to (?:the papers?: )?(.*?)(?:\n\n|\Z)",
}


class Entry(NamedTuple):
    """A registered class under its names."""

    names: tuple[str, ...]
    part: type

    def cells(self) -> dict[str, str]:
        """What its docstring says: its first equation, weights, state, source."""
        doc = inspect.getdoc(self.part) or ""
        matches = {
            cell: re.search(pattern, doc, re.DOTALL | re.MULTILINE)
            for cell, pattern in _CELLS.items()
        }
        found = {
            cell: " ".join(match[1].split()).replace("|", r"\vert ") if match else ""
            for cell, match in matches.items()
        }
        return found | {"equation": f"${found['equation']}$"}


class Registry(Generic[Part]):
    """Named factories of one kind of part, looked up like Keras initializers.

    Args:
        kind: What the parts are called in messages, for example `"score"`.
        base: The abstract class that every part extends.

    Attributes:
        entries: An `Entry` for each class that was registered.

    Example:

    >>> import keras_attention as ka
    >>> ka.scores.get("dot").__class__.__name__
    'DotScore'
    """

    def __init__(self, kind: str, base: type[Part]) -> None:
        self.kind = kind
        self.base = base
        self.entries: list[Entry] = []
        self._factories: dict[str, Callable[..., Part]] = {}

    def register(
        self, names: str | Mapping[str, Config]
    ) -> Callable[[Registered], Registered]:
        """Decorator of a class: makes it known here and to Keras.

        Args:
            names: Its name, or several, each with the arguments it stands for.
        """
        arguments = {names: {}} if isinstance(names, str) else names

        def announce(part: Registered) -> Registered:
            keras.saving.register_keras_serializable(package="keras_attention")(part)
            for name, fixed in arguments.items():
                self.add(name, functools.partial(part, **fixed) if fixed else part)
            self.entries.append(Entry(tuple(arguments), part))
            return part

        return announce

    def add(self, name: str, factory: Callable[..., Part]) -> None:
        """Make `factory` reachable under `name`."""
        self._factories[name] = factory

    def names(self, **claims: object) -> list[str]:
        """Every name, in alphabetical order, of classes with these attributes."""
        return sorted(
            name
            for name, factory in self._factories.items()
            for part in [getattr(factory, "func", factory)]
            if all(getattr(part, key, None) == value for key, value in claims.items())
        )

    def classes(self) -> dict[str, type]:
        """The registered classes by their own names."""
        return {entry.part.__name__: entry.part for entry in self.entries}

    def table(self, claims: Mapping[str, str]) -> str:
        """All entries as a table in Markdown, and who makes which claim.

        Args:
            claims: Attributes that are True for some, and what that means.
        """
        rows = [["name", *_CELLS], ["---"] * (1 + len(_CELLS))]
        for entry in sorted(self.entries, key=lambda entry: entry.names):
            named = ", ".join(f"`{name}`" for name in entry.names)
            rows += [[named, *entry.cells().values()]]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        for claim, meaning in claims.items():
            who = ", ".join(f"`{name}`" for name in self.names(**{claim: True}))
            lines += ["", f"{meaning} (`{claim}`): {who}."]
        return "\n".join(lines)

    def get(self, identifier: Identifier, **arguments: Any) -> Part:
        """Return the part that `identifier` means.

        Args:
            identifier: A registered name, a serialised part (dict) or a part.
            **arguments: Passed to the factory when `identifier` is a name.

        Raises:
            ValueError: Unknown name; the message lists the known ones.
            TypeError: Neither a name, a dict nor a part of this kind.
        """
        if isinstance(identifier, str):
            if identifier not in self._factories:
                raise ValueError(
                    f"Unknown {self.kind}. Expected one of {self.names()}. "
                    f"Received: {self.kind}={identifier!r}"
                )
            return self._factories[identifier](**arguments)
        part = from_config(identifier)
        if not isinstance(part, self.base):
            raise TypeError(
                f"`{self.kind}` must be one of the names {self.names()}, a "
                f"serialised {self.kind} (dict) or an instance of "
                f"{self.base.__name__}. Received: {self.kind}={identifier!r} "
                f"(of type {type(identifier).__name__})"
            )
        return part
