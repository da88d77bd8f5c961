"""Model folders: ``<base path>/<version number>/saved_model.pb``."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from serving.errors import ModelLoadFailed

#: Name, size and time of every file: changes when somebody is still copying.
Fingerprint = frozenset[tuple[str, int, int]]


def folders(base_path: Path) -> dict[int, list[Path]]:
    """Version folders by number; names such as ``00000123`` count, others do not.

    Numbers of more than 63 bits do not: no message can hold them. Of several folders
    with one number the last is the one to take, as in TF Serving.
    """
    found: dict[int, list[Path]] = {}
    for entry in sorted(base_path.iterdir()):
        if not (entry.name.isascii() and entry.name.isdigit() and entry.is_dir()):
            continue
        if (number := int(entry.name)) < 1 << 63:
            found.setdefault(number, []).append(entry)
    return found


def check_base_path(name: str, base_path: Path) -> None:
    """Raises ModelLoadFailed if a model's folder holds no versions that can be read."""
    prefix = f"model {name}: base path {base_path}"
    try:
        if folders(base_path):
            return
        is_version = any(base_path.glob("saved_model.pb*"))
    except FileNotFoundError as error:
        raise ModelLoadFailed(f"{prefix} does not exist") from error
    except NotADirectoryError as error:
        raise ModelLoadFailed(f"{prefix} is not a folder") from error
    except OSError as error:
        raise ModelLoadFailed(f"{prefix} cannot be read: {error.strerror}") from error
    if is_version:
        raise ModelLoadFailed(
            f"{prefix} is itself a SavedModel. Expected: its parent, with one "
            "numbered folder per version (eg. '/1/')"
        )
    raise ModelLoadFailed(
        f"{prefix} holds no versions; did you forget to name your leaf directory as "
        "a number (eg. '/1/')?"
    )


def fingerprint(path: Path) -> Fingerprint:
    """What identifies the content of a version folder, without reading it.

    What cannot be listed or is gone since it was is left out: when that changes, the
    next look will differ.
    """
    files = set()
    for folder, folders, names in os.walk(path):
        for name in (*folders, *names):
            with contextlib.suppress(OSError):
                info = os.stat(file := os.path.join(folder, name))
                files.add((file, info.st_size, info.st_mtime_ns))
    return frozenset(files)
