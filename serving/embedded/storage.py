"""Model folders: ``<base path>/<version number>/saved_model.pb``."""

from __future__ import annotations

import os
from pathlib import Path

from serving.errors import ModelLoadFailed

#: Name, size and time of every file: changes when somebody is still copying.
Fingerprint = frozenset[tuple[str, int, int]]


def versions(base_path: Path) -> dict[int, Path]:
    """Version folders by number; names such as ``00000123`` count, others do not.

    Numbers of more than 63 bits do not: no message can hold them.

    Raises:
        OSError: The folder cannot be listed.
    """
    found: dict[int, Path] = {}
    for entry in sorted(base_path.iterdir()):
        if not (entry.name.isascii() and entry.name.isdigit() and entry.is_dir()):
            continue
        if (number := int(entry.name)) < 1 << 63:
            found.setdefault(number, entry)
    return found


def check_base_path(name: str, base_path: Path) -> None:
    """Says what is wrong with the folder of a model that is about to be served.

    Raises:
        ModelLoadFailed: It holds no versions.
    """
    prefix = f"model {name}: base path {base_path}"
    if not base_path.exists():
        raise ModelLoadFailed(f"{prefix} does not exist")
    if not base_path.is_dir():
        raise ModelLoadFailed(f"{prefix} is not a folder")
    try:
        found = versions(base_path)
    except OSError as error:
        raise ModelLoadFailed(f"{prefix} cannot be read: {error.strerror}") from error
    if found:
        return
    if any((base_path / name).exists() for name in _FILES):
        raise ModelLoadFailed(
            f"{prefix} is itself a SavedModel; expected its parent, with one "
            "numbered folder per version (eg. '/1/')"
        )
    raise ModelLoadFailed(
        f"{prefix} holds no versions; did you forget to name your leaf directory as "
        "a number (eg. '/1/')?"
    )


_FILES = ("saved_model.pb", "saved_model.pbtxt")


def fingerprint(path: Path) -> Fingerprint:
    """What identifies the content of a version folder, without reading it.

    What cannot be listed or is gone since it was is left out: when that changes, the
    next look will differ.
    """
    files = []
    for folder, folders, names in os.walk(path):
        for name in (*folders, *names):
            file = Path(folder, name)
            try:
                info = file.stat()
            except OSError:
                continue
            files.append((str(file.relative_to(path)), info.st_size, info.st_mtime_ns))
    return frozenset(files)
