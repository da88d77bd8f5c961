"""Checks of what a user gives: kinds, ranges, numbers of rows, ids."""

import keras
import numpy as np

from keras_attention.generation.options.option import Kind, Option, bounds
from keras_attention.generation.options.option_table import OPTIONS, IdLists, Values
from keras_attention.layer_support.id_check import known_values
from keras_attention.layer_support.types import Tensor

_KINDS: dict[Kind, str] = {
    "integer": "iu",
    "number": "iuf",
    "boolean": "b",
    "ids": "iu",
}
_ROW = (list, tuple, np.ndarray)


def numbers(value: Values) -> np.ndarray | None:
    """The numbers, or None for nothing and for tensors of a graph being traced."""
    if value is None:
        return None
    if isinstance(value, (bool, int, float, list, tuple, np.ndarray, np.generic)):
        try:
            return np.asarray(value)
        except ValueError:  # Rows of different lengths.
            return np.array(None)
        except (NotImplementedError, TypeError):  # A list of a graph's tensors.
            return None
    return known_values(value)


def check_value(option: Option, value: Values | IdLists) -> None:
    """Raise where a value is of the wrong kind, the wrong rank or out of range."""
    if option.kind == "ids" and (
        isinstance(value, _ROW) or not keras.ops.is_tensor(value)
    ):
        _check_ids(option, value)
    elif value is not None or option.default is not None:
        _check_numbers(option, value)


def _check_numbers(option: Option, value: Values | IdLists) -> None:
    array = numbers(value)
    if keras.ops.is_tensor(value):
        dtype = keras.backend.standardize_dtype(value.dtype)
        kind = "b" if dtype == "bool" else {"u": "u", "i": "i"}.get(dtype[0], "f")
        shape, received = tuple(value.shape), f"a tensor of {dtype}"
    else:
        array = np.array(None) if array is None else array
        kind, shape = array.dtype.kind, array.shape
        received = f"{option.name}={value!r}"
    if shape == (0,):
        return
    if kind not in _KINDS[option.kind]:
        article = "an" if option.kind == "integer" else "a"
        raise TypeError(
            f"`{option.name}` must be {article} {option.kind} or one per row. "
            f"Received: {received}"
        )
    if len(shape) > 1 + (option.kind == "ids"):
        raise ValueError(
            f"`{option.name}` must be a scalar or have one value per row. "
            f"Received: shape {shape}"
        )
    if array is None or option.kind == "ids":
        return
    inside = (array >= option.low) & (array <= option.high) & np.isfinite(array)
    for row in np.flatnonzero(~np.atleast_1d(inside)):
        raise ValueError(
            f"`{option.name}` must be {bounds(option.low, option.high)}. "
            f"Received: {np.atleast_1d(array)[row]}"
            + (f" in row {row}" if array.ndim else "")
        )


def _check_ids(option: Option, value: IdLists) -> None:
    name, received = option.name, f"Received: {option.name}={value!r}"
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(
            f"`{name}` must be a list of ids, or one list per row. {received}"
        )
    nested = [isinstance(row, _ROW) for row in value]
    if any(nested) and not all(nested):
        raise TypeError(
            f"`{name}` must be a list of ids, or one list per row, not both. {received}"
        )
    for row in value:
        for number in row if isinstance(row, _ROW) else [row]:
            if isinstance(number, (bool, np.bool_)) or not isinstance(
                number, (int, np.integer)
            ):
                raise TypeError(f"`{name}` must hold integer ids. Received: {number!r}")


def rows_of(option: str, value: Values | IdLists) -> int | None:
    """How many rows a value has, None where it is one for all or not known."""
    if value is None:
        return None
    ids = OPTIONS[option].kind == "ids"
    if ids and isinstance(value, _ROW):
        return len(value) if _is_nested(value) else None
    shape = getattr(value, "shape", None)
    if shape is None:
        shape = np.shape(value)
    return int(shape[0]) if len(shape) == 1 + ids and shape[0] is not None else None


def lengths(ids: IdLists) -> np.ndarray | None:
    """How many ids there are, a scalar or `[B]`; None for tensors."""
    if not isinstance(ids, _ROW):
        return None
    return np.array([len(row) for row in ids] if _is_nested(ids) else len(ids))


def id_table(
    option: str, ids: IdLists, vocabulary_size: int | None
) -> np.ndarray | Tensor:
    """Ids as one table `[B, M]` (or `[1, M]`: the same for all rows) of int32.

    Rows end in -1 where they are shorter; a tensor is such a table, or one row of it.

    Raises:
        ValueError: An id is not in the vocabulary.
    """
    if not isinstance(ids, _ROW):
        known = numbers(ids)
        if known is None:
            return ids if len(ids.shape) == 2 else keras.ops.expand_dims(ids, 0)
        return _in_vocabulary(option, np.atleast_2d(known), vocabulary_size, -1)
    if not len(ids):
        return np.zeros((1, 0), np.int32)
    rows = ids if _is_nested(ids) else [ids]
    table = np.full((len(rows), max(map(len, rows))), -1, np.int32)
    for row, given in enumerate(rows):
        given = np.asarray([given])
        table[row, : given.size] = _in_vocabulary(
            option, given, vocabulary_size, 0, row
        )
    return table


def check_prefixes(table: np.ndarray, pad_id: int, end_id: int) -> None:
    """Raise where a forced prefix is no beginning of a sequence."""
    ended = np.cumsum(table == end_id, axis=1) - (table == end_id)  # [B, P]
    bad = (table == pad_id) | ((ended > 0) & (table >= 0))
    for row, place in np.argwhere(bad):
        what = "padding" if table[row, place] == pad_id else "an id after the end"
        raise ValueError(
            "`prefix` must hold ids that can begin a sequence: expected no padding "
            f"({pad_id}) and nothing after the end ({end_id}). Received: {what} in "
            f"place {place} of row {row}"
        )


def _is_nested(ids: IdLists) -> bool:
    """Whether there is one list per row."""
    return len(ids) > 0 and isinstance(ids[0], _ROW)


def _in_vocabulary(
    option: str, table: np.ndarray, size: int | None, least: int, first: int = 0
) -> np.ndarray:
    bad = table < least
    if size is not None:
        bad |= table >= size
    for row, place in np.argwhere(bad):
        below = "" if size is None else f" below {size}"
        raise ValueError(
            f"`{option}` must hold ids{below}. "
            f"Received: {table[row, place]} in row {first + row}"
        )
    return table.astype(np.int32)
