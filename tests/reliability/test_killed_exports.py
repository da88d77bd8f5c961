"""Exports that are killed leave whole versions or none."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import serving
from keras_attention.text import CharacterTokenizer
from tests.reliability.figures import keep
from tests.reliability.watched import watched
from tests.serving.conftest import ROOT, environment
from tests.tiny_pipeline import tiny_pipeline

pytestmark = pytest.mark.reliability

EXPORT = textwrap.dedent("""
    import sys
    import keras_attention as ka

    pipeline = ka.TextToText.load(sys.argv[1])
    print("begin", flush=True)
    print(pipeline.export(sys.argv[2]), flush=True)
""")


class Export:
    """An export in a process of its own, from the outside."""

    def __init__(self, process: subprocess.Popen, base: Path):
        self._process, self._base = process, base
        self._before = set(base.glob("*"))

    def unpublished(self) -> set[str]:
        """The files that it has written and that no server sees."""
        folders = set(self._base.glob(".export-*")) - self._before
        return set().union(*map(files, folders))

    def published(self) -> bool:
        """Whether its version has its name."""
        return any(
            path.name.isdecimal() for path in set(self._base.glob("*")) - self._before
        )

    def until(self, condition) -> float:
        """Looks again and again; the time when it was so."""
        while not condition():
            self.check()
            # It takes seconds until it writes, and needs the processor for that.
            threading.Event().wait(0.001 if self.unpublished() else 0.01)
        return time.monotonic()

    def check(self) -> None:
        """Fails unless it still runs, or has come to a good end."""
        assert not self._process.poll()

    def wait(self) -> None:
        """Lets it come to its end."""
        assert self._process.wait(120) == 0


@contextmanager
def export(saved: Path, base: Path) -> Iterator[Export]:
    """It has begun; whatever is left of it at the end is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", EXPORT, str(saved), str(base)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    try:
        assert process.stdout.readline() == "begin\n"
        yield Export(process, base)
    finally:
        process.kill()
        process.communicate()


def files(folder: Path) -> set[str]:
    """Their paths in the folder; temporary ones may go while they are listed."""
    return {
        str(Path(place, name).relative_to(folder))
        for place, _, names in os.walk(folder)
        for name in names
    }


def uninterrupted(saved, base):
    """One that is let be: its files, and the seconds from the last of them to its name.

    What is in the folder is checked then, and written to the disk.
    """
    with export(saved, base) as left_alone:
        seen, last = set(), [0.0]

        def named():
            if more := left_alone.unpublished() - seen:
                seen.update(more)
                last.append(time.monotonic())
            return left_alone.published()

        seconds = left_alone.until(named) - last[-1]
        left_alone.wait()
    return files(base / "1"), seconds


def test_exports_killed_at_any_moment(tmp_path):
    """Beside a server that follows the folder."""
    saved, base = tmp_path / "letters.keras_attention", tmp_path / "letters"
    tiny_pipeline(CharacterTokenizer.from_texts(["abc"])).save(saved)
    base.mkdir()
    whole, seconds = uninterrupted(saved, base)

    def all_written(export):
        return export.until(lambda: export.unpublished() >= whole)

    def nearly_named(export):
        due = all_written(export) + 0.9 * seconds
        export.until(lambda: time.monotonic() >= due)

    moments = {
        "its first file": lambda export: export.until(export.unpublished),
        "its last file": all_written,
        "nine tenths of the time from there to its name": nearly_named,
        "its name": lambda export: export.until(export.published),
    }
    counts, poll = {}, "--file_system_poll_wait_seconds=0.05"
    with watched({"letters": base}, tmp_path, poll) as server:
        with serving.Client(server.target, model="letters", timeout=60) as client:
            expected = client.predict(["abc", "cab"])
            for name, come in moments.items():
                with export(saved, base) as killed:
                    come(killed)
                counts[name] = len(killed.unpublished())
                found = client.predict(["abc", "cab"])
                assert [f.text for f in found] == [e.text for e in expected]
                assert all(s.error_code == "OK" for s in client.status())
            # Killed in time, or what it left has its name and is as good as any.
            assert counts["its first file"] < len(whole)
            assert counts["its last file"] in (0, len(whole))
            assert killed.published() and counts["its name"] == 0
            versions = [path for path in base.iterdir() if path.name.isdecimal()]
            assert [files(path) for path in versions] == [whole] * len(versions)
            newest = max(int(path.name) for path in versions)
            while client.metadata().version != newest:
                threading.Event().wait(0.01)
            found = client.predict(["abc", "cab"])
            assert [f.text for f in found] == [e.text for e in expected]
    left = [path for path in base.iterdir() if not path.name.isdecimal()]
    assert left and all(path.name.startswith(".export-") for path in left)
    keep(
        14,
        "exports killed",
        "tests/reliability/test_killed_exports.py",
        {
            f"files left unpublished, of {len(whole)}, when killed at": ", ".join(
                f"{name} {count}" for name, count in counts.items()
            ),
            "versions that are not whole": "0",
            "folders left beside them": f"{len(left)}, none with a version's name",
            "failed calls of the server meanwhile": "0",
        },
    )
