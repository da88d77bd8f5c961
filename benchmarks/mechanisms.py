"""Every mechanism, with the settings that a generated task wants.

They stand in the entries beside the oracles (`tests/reference`). `tests/mechanisms`
teaches each its task, `length_generalisation.py` looks at how far what it learned
reaches.
"""

from collections.abc import Callable

import keras_attention as ka
from tests.layers.cases import ENTRIES, made


def _maker(learned: Callable) -> Callable[[int], ka.Attention]:
    return lambda longest: made(learned(longest))


# Each takes the length of the longest source that is asked about, its end included.
MECHANISMS = {
    name: _maker(learned)
    for entries in ENTRIES.values()
    for entry in entries.values()
    for name, learned in entry.learns.items()
}
TASKS = {
    name: entry.task
    for entries in ENTRIES.values()
    for entry in entries.values()
    for name in entry.learns
}
