"""Checks of arguments: the numbers that layers are made with, paths of files."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from keras_attention.layer_support.types import Shape, Tensor

# Two letters at least, since one is a drive; `Path` makes one slash of two.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def positive_integer(
    argument: str, value: Any, odd: bool = False, optional: bool = False
) -> Any:
    """`value`, or a ValueError naming the argument where it is not 1, 2, 3, ...

    Args:
        argument: Its name, for the message.
        value: What was given.
        odd: Whether even numbers are refused too.
        optional: Whether it may be None.
    """
    if optional and value is None:
        return None
    # To Python, True is the integer 1.
    valid = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if not valid or (odd and value % 2 == 0):
        raise ValueError(
            f"`{argument}` must be a positive{' odd' if odd else ''} integer"
            f"{' or None' if optional else ''}. Received: {argument}={value!r}"
        )
    return value


def not_negative(argument: str, value: Any) -> int:
    """`value`, or a ValueError naming the argument where it is not 0, 1, 2, ..."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(
            f"`{argument}` must be an integer of at least 0. "
            f"Received: {argument}={value!r}"
        )
    return value


def positive_number(argument: str, value: Any, optional: bool = False) -> Any:
    """`value`, or a ValueError naming the argument where it is not finite and > 0."""
    if optional and value is None:
        return None
    valid = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not valid or not 0 < value < float("inf"):
        raise ValueError(
            f"`{argument}` must be a positive number{' or None' if optional else ''}. "
            f"Received: {argument}={value!r}"
        )
    return value


def number(
    argument: str, value: Any, least: float = -float("inf"), below: float = float("inf")
) -> Any:
    """`value`, or a ValueError naming the argument where it is not in a range.

    Args:
        argument: Its name, for the message.
        value: What was given.
        least: The smallest that is allowed, if any; infinity itself is not.
        below: What it has to be smaller than, if anything.
    """
    valid = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not valid or not abs(value) < float("inf") or not least <= value < below:
        span = [
            f" of at least {least:g}" * (least > -float("inf")),
            f" below {below:g}" * (below < float("inf")),
        ]
        raise ValueError(
            f"`{argument}` must be a number{' and'.join(filter(None, span))}. "
            f"Received: {argument}={value!r}"
        )
    return value


def one_of(argument: str, value: Any, choices: Iterable[Any]) -> Any:
    """`value`, or a ValueError naming the argument where it is none of the choices."""
    if value not in (known := tuple(choices)):
        raise ValueError(
            f"`{argument}` must be one of {known}. Received: {argument}={value!r}"
        )
    return value


def check_rank(argument: str, shape: Shape, *ranks: int) -> None:
    """A ValueError naming the argument where it has none of these ranks."""
    several = any(isinstance(part, (list, tuple)) for part in shape)
    if several or len(shape) not in ranks:
        raise ValueError(
            f"`{argument}` must have rank {' or '.join(map(str, ranks))}. "
            f"Received: {argument} of shape {tuple(shape)}"
        )


def steps(argument: str, sequence: Tensor) -> None:
    """A ValueError naming the argument where `[B, T, ...]` has T = 0."""
    if sequence.shape[1] == 0:
        raise ValueError(
            f"`{argument}` must have a time step at least. "
            f"Received: {argument} of shape {tuple(sequence.shape)}"
        )


def local_path(argument: str, path: str | os.PathLike[str]) -> Path:
    """The path of a file here, or a ValueError for one like `gs://bucket/model`."""
    if _SCHEME.match(os.fspath(path)):
        raise ValueError(
            f"`{argument}` must be a path of this machine's file system; copy the "
            "file, with `tf.io.gfile.copy` for instance, or mount what holds it. "
            f"Received: {argument}={os.fspath(path)!r}"
        )
    return Path(path)
