"""Models, each made when a test first asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The base path of a model of ``models.save``."""
    folder = tmp_path_factory.mktemp("models")
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        from tests.reliability.models import save

        if name not in made:
            made[name] = save(folder, name)
        return made[name]

    return get


@pytest.fixture(scope="session")
def serve(model, tmp_path_factory):
    """Starts a server of models by name; see ``watched.watched``."""
    from tests.reliability.watched import watched

    def start(*names: str, flags: tuple[str, ...] = ()):
        paths = {name: model(name) for name in names}
        return watched(paths, tmp_path_factory.mktemp("server"), *flags)

    return start
