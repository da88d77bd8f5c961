"""Oldest versions of the frameworks; importing this refuses an older Keras.

Installers see to it; what was put together by hand would fail somewhere inside.
"""

import importlib.metadata
import re

OLDEST = {"keras": "3.15", "tensorflow": "2.21", "tensorflow-text": "2.21.1"}


def need(*distributions: str) -> None:
    """Refuse older ones; what is not installed under its name is not judged.

    Raises:
        ImportError: One of them is older than `OLDEST` says.
    """
    for name in distributions:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        oldest = _numbers(OLDEST[name])
        if _numbers(found)[: len(oldest)] < oldest:
            raise ImportError(
                f"keras_attention needs another version of {name}. "
                f"Expected: {OLDEST[name]} or newer. Received: {found}"
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


need("keras")
