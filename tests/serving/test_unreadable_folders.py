"""Folders that cannot be looked into, at the start and later."""

from __future__ import annotations

import errno
import logging
import os
import shutil

import grpc
import pytest

from serving.errors import ModelLoadFailed
from serving.server.config.config_file import ConfigFile
from serving.server.versions.loading import SavedModelLoader
from serving.server.versions.model_manager import ModelManager
from serving.server.versions.warmup import REQUESTS
from tests.serving.model_configs import (
    load,
    made,
    message_of,
    refused,
    served,
    text_of,
)

# More than a file system takes: refused to everybody, root too.
LONG = "m" * 300
REASONS = {"LONG": "File name too long", "LOCKED": "Permission denied"}


@pytest.fixture
def lock(monkeypatch):
    """Makes a folder one that this process may not look into, root or not."""

    def locked(folder):
        def guarded(real):
            def call(path=".", *more, **named):
                if not isinstance(path, int):
                    inside = os.path.join(os.fspath(path), "")
                    if inside.startswith(os.path.join(folder, "")):
                        reason = os.strerror(errno.EACCES)
                        raise PermissionError(errno.EACCES, reason, str(path))
                return real(path, *more, **named)

            return call

        for name in ("stat", "listdir", "scandir"):
            monkeypatch.setattr(os, name, guarded(getattr(os, name)))

    return locked


@pytest.fixture(params=REASONS)
def name(request, base, lock):
    """A model whose folder cannot be read; and why not."""
    if request.param == "LONG":
        return LONG, REASONS["LONG"]
    lock(base / "b")
    return "b", REASONS["LOCKED"]


def test_a_start_says_so(base, name):
    unreadable, reason = name
    with pytest.raises(ModelLoadFailed, match=f"cannot be read: {reason}"):
        made(base, a="", **{unreadable: ""})


def test_a_reload_is_refused_and_changes_nothing(base, name):
    unreadable, reason = name
    models = made(base, a="")
    refusal = refused(models, message_of(base, a="", **{unreadable: ""}))
    assert refusal.code is grpc.StatusCode.UNKNOWN
    assert f"cannot be read: {reason}" in refusal.message
    assert models.served() == {"a": True}


def test_a_file_that_names_one_is_logged_once(base, name, caplog):
    unreadable, reason = name
    file = base / "models.config"
    file.write_text(text_of(base, a=""))
    config = ConfigFile(file)
    models = ModelManager(config.first(), load)
    models.start()
    file.write_text(text_of(base, a="", **{unreadable: ""}))
    with caplog.at_level(logging.ERROR, "serving"):
        config.look(models)
        config.look(models)
    (line,) = caplog.messages
    assert line.startswith("the configuration in force stays: ")
    assert f"cannot be read: {reason}" in line
    assert models.served() == {"a": True}


def test_one_that_was_readable_is_still_served(base, lock, caplog):
    models = made(base, b="")
    lock(base / "b")
    with caplog.at_level(logging.WARNING, "serving"):
        models.refresh()
        models.refresh()
    (line,) = caplog.messages
    assert "cannot look for versions" in line and REASONS["LOCKED"] in line
    assert served(models, "b") == [1]


def test_a_version_that_cannot_be_read_fails_in_one_line(base, lock, caplog):
    models = made(base, load=SavedModelLoader(), b="")
    shutil.copytree(base / "b" / "1", base / "b" / "2")
    lock(base / "b" / "2" / REQUESTS.parent)
    with caplog.at_level(logging.WARNING, "serving"):
        models.refresh()
    (record,) = caplog.records
    assert record.exc_info is None
    assert record.getMessage().startswith("model b: version 2 does not load: UNKNOWN: ")
    assert REASONS["LOCKED"] in record.getMessage()
    assert served(models, "b") == [1]
