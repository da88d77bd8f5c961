"""Find a part by name, by serialised configuration or by instance."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import keras

Part = TypeVar("Part")


class Registry(Generic[Part]):
    """Named factories of one kind of part, looked up like Keras initializers.

    Args:
        kind: What the parts are called in messages, for example `"score"`.
        base: The abstract class that every part extends.

    Example:

    >>> import keras_attention as ka
    >>> ka.scores.get("dot").__class__.__name__
    'DotScore'
    """

    def __init__(self, kind: str, base: type[Part]) -> None:
        self.kind = kind
        self.base = base
        self._factories: dict[str, Callable[..., Part]] = {}

    def add(self, name: str, factory: Callable[..., Part]) -> None:
        """Make `factory` reachable under `name`."""
        self._factories[name] = factory

    def names(self) -> list[str]:
        """Every known name, in alphabetical order."""
        return sorted(self._factories)

    def get(self, identifier: Any, **arguments: Any) -> Part:
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
        part = identifier
        if isinstance(identifier, dict):
            part = keras.saving.deserialize_keras_object(identifier)
        if not isinstance(part, self.base):
            raise TypeError(
                f"`{self.kind}` must be one of the names {self.names()}, a "
                f"serialised {self.kind} (dict) or an instance of "
                f"{self.base.__name__}. Received: {self.kind}={identifier!r} "
                f"(of type {type(identifier).__name__})"
            )
        return part
