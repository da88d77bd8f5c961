"""Weights and the variables they are for: compared whole, then assigned."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_attention.layer_support.types import Shape

Arrays = Mapping[str, Any]
"""Arrays, or what NumPy makes one of, by their names in the other library."""


class Assignment(NamedTuple):
    """A variable, and what its value is made of.

    Attributes:
        variable: Of ours.
        sources: Names in the other library, and the shape that each must have.
        convert: From these arrays, in this order, to the value.
    """

    variable: Any
    sources: dict[str, Shape]
    convert: Callable[..., Any]


def same(variable: Any, name: str) -> Assignment:
    """The array as it stands."""
    return Assignment(variable, {name: tuple(variable.shape)}, np.asarray)


def transposed(
    variable: Any, name: str, rows: Callable[..., Any] = np.asarray
) -> Assignment:
    """A matrix that the other library keeps the other way round, its rows reordered."""
    sources = {name: tuple(variable.shape)[::-1]}
    return Assignment(variable, sources, lambda matrix: rows(matrix).T)


def rows_swapped(variable: Any, name: str, first: int) -> Assignment:
    """A kernel whose first `first` rows come after the others here."""
    return Assignment(
        variable,
        {name: tuple(variable.shape)},
        lambda kernel: np.concatenate([kernel[first:], kernel[:first]]),
    )


def summed(variable: Any, *names: str) -> Assignment:
    """The sum of several arrays of its shape."""
    shape = tuple(variable.shape)
    return Assignment(variable, dict.fromkeys(names, shape), lambda *x: sum(x))


def layer_weights(layer: keras.layers.Layer, prefix: str) -> list[Assignment]:
    """A dense layer or a cell, whose weights Keras has named alike since version 2."""
    found = {
        name: getattr(layer, name, None)
        for name in ("kernel", "recurrent_kernel", "bias")
    }
    return [same(v, f"{prefix}/{name}") for name, v in found.items() if v is not None]


def require(fits: bool, what: str, received: object) -> None:
    """Raise ValueError where the target's wiring is not that of the source."""
    if not fits:
        raise ValueError(f"The target must be {what}. Received: {received}")


def assign(
    assignments: Iterable[Assignment], arrays: Arrays, target: keras.layers.Layer
) -> list[str]:
    """Give every variable its value, or none of them.

    Args:
        assignments: For variables of the target.
        arrays: All of these must be used.
        target: A layer or a model.

    Returns:
        Paths of the target's weights that the source has nothing for, such as those of
        a bridge. They are as before.

    Raises:
        ValueError: Arrays are missing, left over or of another shape.
    """
    assignments = list(assignments)
    given = {name: np.asarray(array) for name, array in arrays.items()}
    wanted = {k: shape for each in assignments for k, shape in each.sources.items()}
    problems = [
        *(f"missing: {k} {wanted[k]}" for k in sorted(wanted.keys() - given.keys())),
        *(
            f"left over: {name} {given[name].shape}"
            for name in sorted(given.keys() - wanted.keys())
        ),
        *(
            f"{name}: expected shape {wanted[name]}, received {given[name].shape}"
            for name in sorted(wanted.keys() & given.keys())
            if wanted[name] != given[name].shape
        ),
    ]
    if problems:
        raise ValueError(
            f"The weights do not fit {target.name!r}, which is as it was:\n  "
            + "\n  ".join(problems)
        )
    values = [x.convert(*(given[name] for name in x.sources)) for x in assignments]
    for each, value in zip(assignments, values, strict=True):
        each.variable.assign(value)
    reached = {id(each.variable) for each in assignments}
    return [v.path for v in target.weights if id(v) not in reached]
