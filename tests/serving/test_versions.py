"""Versions come and go while a model is served."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

import serving
from serving.errors import ModelLoadFailed, ModelNotFound
from serving.messages import model_pb2
from serving.server import Server, ServerOptions
from serving.server.config.model_config import of_paths
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.model_manager import ModelManager
from serving.server.versions.servable import Servable
from serving.server.versions.version_folders import folders
from tests.serving.toys import without_index


def load(name: str, version: int, path: Path) -> Servable:
    session = SavedModelSession(path)
    return Servable(name, version, session.signatures, session)


@pytest.fixture
def base(toys, tmp_path):
    """A base path with version 1."""
    shutil.copytree(toys / "upper" / "1", tmp_path / "m" / "1")
    return tmp_path / "m"


@pytest.fixture
def models(base):
    started = ModelManager(of_paths({"m": base}), load)
    started.start()
    return started


def served(models):
    return models.find(model_pb2.ModelSpec(name="m")).version


def states(models):
    lines = models.status(model_pb2.ModelSpec(name="m"))
    return {line.version: (line.State.Name(line.state), line.status) for line in lines}


def publish(base, version):
    """Like the exporter: complete under another name, then renamed."""
    shutil.copytree(base / "1", base / "incoming")
    (base / "incoming").rename(base / str(version))


def test_newer_version_takes_over_and_going_back_works(models, base):
    old = models.find(model_pb2.ModelSpec(name="m"))
    publish(base, 2)
    models.refresh()
    assert served(models) == 2
    assert {k: v[0] for k, v in states(models).items()} == {2: "AVAILABLE", 1: "END"}
    # A call that had found version 1 can still finish.
    signature = old.signatures["serving_default"]
    feeds = {signature.inputs["text"].name: np.array([b"a"], object)}
    assert old.runner.run(feeds, [signature.outputs["text"].name])[0] == [b"A"]
    shutil.rmtree(base / "2")
    models.refresh()
    assert served(models) == 1
    assert {k: v[0] for k, v in states(models).items()} == {2: "END", 1: "AVAILABLE"}


def test_version_that_does_not_load_replaces_nothing(models, base):
    without_index(base / "1", base / "2")
    models.refresh()
    assert served(models) == 1
    state, status = states(models)[2]
    assert state == "END"
    assert status.error_code == 5
    assert "variables.index is missing" in status.error_message


def test_failed_version_is_tried_again_once_its_files_change(models, base):
    without_index(base / "1", base / "2")
    models.refresh()
    first = models._registry.versions("m")[2]
    models.refresh()
    assert models._registry.versions("m")[2] is first  # nothing new, not tried again
    index = "variables/variables.index"
    shutil.copy(base / "1" / index, base / "2" / index)
    models.refresh()
    assert served(models) == 2


def test_all_versions_removed_unloads_the_model(models, base):
    shutil.rmtree(base / "1")
    models.refresh()
    with pytest.raises(Refusal, match=r"not found for request: Latest\(m\)"):
        served(models)
    assert states(models)[1][0] == "END"


def test_base_path_out_of_reach_changes_nothing(models, base):
    base.rename(base.with_name("elsewhere"))
    models.refresh()
    assert served(models) == 1


def test_zero_padded_and_foreign_folders(base):
    (base / "1").rename(base / "00000123")
    (base / "7.tmp").mkdir()
    (base / "latest").mkdir()
    (base / "9").touch()
    assert folders(base) == {123: [base / "00000123"]}


def test_of_one_number_twice_the_last_name_is_taken(models, base, caplog):
    """In TF Serving's order, that of the names: 001, 01, 1."""
    for name in ("002", "2", "02"):
        shutil.copytree(base / "1", base / name)
    taken = {number: paths[-1] for number, paths in folders(base).items()}
    assert taken == {1: base / "1", 2: base / "2"}
    with caplog.at_level(logging.WARNING, "serving"):
        models.refresh()
        models.refresh()
        assert caplog.messages == [
            f"model m: version 2 is loaded from {base / '2'}; ignored, for it has the "
            f"same number: {base / '002'}, {base / '02'}"
        ]
        for name in ("002", "02"):
            shutil.rmtree(base / name)
        models.refresh()
        shutil.copytree(base / "1", base / "01")
        models.refresh()
    assert len(caplog.messages) == 2
    assert served(models) == 2


@pytest.mark.parametrize(
    "prepare, message",
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.touch(), "is not a folder"),
        (lambda path: path.mkdir(), "did you forget to name your leaf directory"),
    ],
)
def test_start_says_what_is_wrong_with_the_folder(tmp_path, prepare, message):
    prepare(tmp_path / "m")
    with pytest.raises(ModelLoadFailed, match=message):
        ModelManager(of_paths({"m": tmp_path / "m"}), load).start()


def test_start_tells_a_version_folder_from_a_base_path(base):
    with pytest.raises(ModelLoadFailed, match="is itself a SavedModel"):
        ModelManager(of_paths({"m": base / "1"}), load).start()


def test_running_server_finds_a_new_version(base):
    options = ServerOptions(host="127.0.0.1", port=0, threads=2, poll_seconds=0.05)
    with Server({"m": base}, options) as server:
        target = f"127.0.0.1:{server.port}"
        with serving.Client(target, model="m", version=2, timeout=20) as client:
            with pytest.raises(ModelNotFound):
                client.predict(["a"])
            publish(base, 2)
            client.wait_until_ready(20)
            assert client.predict(["a"])[0].text == "A"
        with serving.Client(target, model="m", timeout=20) as client:
            assert client.metadata().version == 2
