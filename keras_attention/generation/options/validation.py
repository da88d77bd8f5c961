"""What may be in an option: kinds, ranges, numbers of rows, ids."""

from typing import Any

import keras
import numpy as np

INT32 = 2**31 - 1
_LARGEST = 100.0  # Of a penalty: beyond it the rank score leaves float32.
RANGES: dict[str, tuple[str, float, float]] = {
    "beam_size": ("integer", 1, INT32),
    "alternatives": ("integer", 1, INT32),
    "max_length": ("integer", 1, INT32),
    "max_length_ratio": ("number", 0, 1e4),
    "min_length": ("integer", 0, INT32),
    "length_penalty": ("number", 0, _LARGEST),
    "length_power": ("number", 0, _LARGEST),
    "word_bonus": ("number", -_LARGEST, _LARGEST),
    "coverage_penalty": ("number", 0, _LARGEST),
    "beam_groups": ("integer", 1, INT32),
    "diversity_penalty": ("number", 0, _LARGEST),
    "sample": ("boolean", 0, 1),
    "temperature": ("number", 1e-6, 1e6),
    "top_k": ("integer", 0, INT32),
    "top_p": ("number", 1e-6, 1),
    "seed": ("integer", -(2**31), INT32),
    "repetition_penalty": ("number", 1e-6, 1e6),
    "no_repeat_ngram": ("integer", 0, INT32),
}
_DTYPES = {"integer": "int32", "number": "float32", "boolean": "bool"}
LISTS = ("banned_tokens", "prefix")
_KINDS = {"integer": "iu", "number": "iuf", "boolean": "b"}
_ROW = (list, tuple, np.ndarray)


def dtype_of(option: str) -> str:
    """What an option is as a tensor."""
    return "int32" if option in LISTS else _DTYPES[RANGES[option][0]]


def numbers(value: Any) -> np.ndarray | None:
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
    try:
        if keras.ops.is_tensor(value):
            value = keras.ops.convert_to_numpy(value)
        return np.asarray(value)
    except (NotImplementedError, TypeError, RuntimeError, AttributeError):
        return None


def check_range(option: str, value: Any) -> None:
    """Raise where a value is of the wrong kind or out of range."""
    kind, low, high = RANGES[option]
    array = np.array(None) if value is None else numbers(value)
    if array is None:
        _check_tensor(option, value, kind, most_axes=1)
        return
    if array.size == 0 and array.ndim == 1:
        return
    if array.dtype.kind not in _KINDS[kind]:
        raise TypeError(
            f"`{option}` must be {_article(kind)} or one per row. "
            f"Received: {option}={value!r}"
        )
    if array.ndim > 1:
        raise ValueError(
            f"`{option}` must be a scalar or have one value per row. "
            f"Received: shape {array.shape}"
        )
    inside = (array >= low) & (array <= high) & np.isfinite(array)
    for row in np.flatnonzero(~np.atleast_1d(inside)):
        bounds = f"at least {low:g}" if high == INT32 else f"in [{low:g}, {high:g}]"
        raise ValueError(
            f"`{option}` must be {bounds}. Received: {np.atleast_1d(array)[row]}"
            + (f" in row {row}" if array.ndim else "")
        )


def check_lists(option: str, value: Any) -> None:
    """Raise where ids are no integers, or neither one list nor one per row."""
    if not isinstance(value, _ROW) and keras.ops.is_tensor(value):
        _check_tensor(option, value, "integer", most_axes=2)
        return
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(
            f"`{option}` must be a list of ids, or one list per row. "
            f"Received: {option}={value!r}"
        )
    nested = [isinstance(row, _ROW) for row in value]
    if any(nested) and not all(nested):
        raise TypeError(
            f"`{option}` must be a list of ids, or one list per row, not both. "
            f"Received: {option}={value!r}"
        )
    for row in value:
        for number in row if isinstance(row, _ROW) else [row]:
            if isinstance(number, (bool, np.bool_)) or not isinstance(
                number, (int, np.integer)
            ):
                raise TypeError(
                    f"`{option}` must hold integer ids. Received: {number!r}"
                )


def rows_of(option: str, value: Any) -> int | None:
    """How many rows a value has, None where it is one for all or not known."""
    if value is None:
        return None
    if option in LISTS and isinstance(value, _ROW):
        return len(value) if is_nested(value) else None
    shape = getattr(value, "shape", None)
    if shape is None:
        shape = np.shape(value)
    axes = 2 if option in LISTS else 1
    return int(shape[0]) if len(shape) == axes and shape[0] is not None else None


def is_nested(ids: Any) -> bool:
    """Whether there is one list per row."""
    return len(ids) > 0 and isinstance(ids[0], _ROW)


def id_table(option: str, ids: Any, vocabulary_size: int | None) -> Any:
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
    rows = ids if is_nested(ids) else [ids]
    for row, given in enumerate(rows):
        _in_vocabulary(option, np.asarray([given]), vocabulary_size, 0, row)
    table = np.full((len(rows), max(map(len, rows))), -1, np.int32)
    for row, given in enumerate(rows):
        table[row, : len(given)] = given
    return table


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


def _check_tensor(option: str, value: Any, kind: str, most_axes: int) -> None:
    """A tensor of a graph shows its dtype and its rank."""
    if not keras.ops.is_tensor(value):
        raise TypeError(
            f"`{option}` must be {_article(kind)} or one per row. "
            f"Received: {option}={value!r}"
        )
    dtype = keras.backend.standardize_dtype(value.dtype)
    letter = "b" if dtype == "bool" else {"u": "u", "i": "i"}.get(dtype[0], "f")
    if letter not in _KINDS[kind]:
        raise TypeError(
            f"`{option}` must be {_article(kind)} or one per row. "
            f"Received: a tensor of {dtype}"
        )
    if len(value.shape) > most_axes:
        raise ValueError(
            f"`{option}` must have at most {most_axes} axes, the first for the rows. "
            f"Received: shape {tuple(value.shape)}"
        )


def _article(kind: str) -> str:
    return f"{'an' if kind == 'integer' else 'a'} {kind}"
