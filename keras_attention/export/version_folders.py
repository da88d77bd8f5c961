"""Version folders that appear whole or not at all.

A server looks for new versions every second and loads what it finds: a directory
without its variables loads too, and replaces the good one. So a version is
written beside its place, under a name that is no number, and renamed.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# TF Serving reads versions as signed 64-bit integers.
_LARGEST = 2**63 - 1


def check_version(base: Path, version: int | None) -> None:
    """Refuse a version that is no positive integer or already there.

    Raises:
        ValueError: So it is.
    """
    if version is None:
        return
    if (
        not isinstance(version, int)
        or isinstance(version, bool)
        or not 1 <= version <= _LARGEST
    ):
        raise ValueError(
            "`version` must be a positive integer of 64 bits or None. "
            f"Received: version={version!r}"
        )
    if version in versions(base):
        raise ValueError(
            f"`version` must be new. Received: version={version}, and {base} has it "
            "already; a server never reads a version twice"
        )


def versions(base: Path) -> set[int]:
    """Versions below a model's base path, in whatever way they are written."""
    if not base.is_dir():
        return set()
    names = [entry.name for entry in base.iterdir()]
    return {int(name) for name in names if name.isascii() and name.isdecimal()}


@contextlib.contextmanager
def staging(base: Path) -> Iterator[Path]:
    """A directory below `base` that no server takes for a version.

    It is removed at the end, unless it has been published. What a killed process
    leaves is named `.export-...` and may be deleted.
    """
    base.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=".export-", dir=base))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def publish(directory: Path, base: Path, version: int | None) -> Path:
    """Give a finished directory its number.

    Args:
        directory: From `staging`.
        base: The model's base path.
        version: None for the highest there is plus one.

    Returns:
        The path of the version.

    Raises:
        ValueError: The version has appeared in the meantime.
    """
    _sync(directory)
    while True:
        check_version(base, version)
        number = max(versions(base), default=0) + 1 if version is None else version
        target = base / str(number)
        try:
            # Fails where a version is: a directory that is not empty.
            directory.rename(target)
        except OSError:
            if not target.exists():
                raise
            continue
        _sync_one(base)
        return target


def _sync(directory: Path) -> None:
    for folder, _, files in os.walk(directory, topdown=False):
        for name in files:
            _sync_one(Path(folder, name))
        _sync_one(Path(folder))


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
