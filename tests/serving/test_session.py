"""The C++ session: loading, running, stopping."""

from __future__ import annotations

import gc
import shutil
import threading
import time
import weakref

import grpc
import numpy as np
import pytest

import serving
from serving.errors import DeadlineExceeded
from serving.server.refusal import Refusal
from serving.server.runtime import c_tensors
from serving.server.runtime.session import SavedModelSession
from tests.serving.toys import without_index


def strings(*items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


@pytest.fixture(scope="module")
def session(toys):
    return SavedModelSession(toys / "upper" / "1")


def names(session, signature="serving_default"):
    found = session.signatures[signature]
    return found.inputs["text"].name, found.outputs["text"].name


def test_strings_of_every_length_pass_through(session):
    text, upper = names(session)
    given = strings(b"", b"a", b"x" * 22, b"x" * 23, b"\0" * 5, b"y" * 100_000)
    (found,) = session.run({text: given}, [upper])
    assert found.tolist() == [item.upper() for item in given]


def test_no_memory_of_strings_is_kept(session):
    text, upper = names(session)
    before = len(c_tensors._alive)
    for _ in range(20):
        session.run({text: strings(b"x" * 1000)}, [upper])
    assert len(c_tensors._alive) == before


def test_runs_of_several_threads_do_not_mix(session):
    text, upper = names(session)
    wrong = []

    def ask(row):
        for turn in range(50):
            item = f"{row}-{turn}".encode() * 10
            (found,) = session.run({text: strings(item)}, [upper])
            if found.tolist() != [item]:
                wrong.append(item)

    threads = [threading.Thread(target=ask, args=(row,)) for row in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def gate(toys, tmp_path):
    session = SavedModelSession(toys / "gate" / "1")
    signature = session.signatures["serving_default"]
    feeds = {
        signature.inputs["text"].name: strings(b"x"),
        signature.inputs["started"].name: strings(str(tmp_path / "started").encode()),
        signature.inputs["go"].name: strings(str(tmp_path / "go").encode()),
    }
    return session, feeds, [signature.outputs["text"].name]


def test_a_deadline_stops_the_graph(toys, tmp_path):
    session, feeds, fetches = gate(toys, tmp_path)
    begin = time.monotonic()
    with pytest.raises(Refusal) as caught:
        session.run(feeds, fetches, timeout_ms=200)
    assert time.monotonic() - begin < 10
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert caught.value.message == "Timed out waiting for notification"
    assert (tmp_path / "started").exists()
    # The loop is gone: were it still running, this process would be burning CPU.
    begin, used = time.monotonic(), time.process_time()
    threading.Event().wait(0.3)
    assert time.process_time() - used < 0.5 * (time.monotonic() - begin)


def test_the_deadline_of_a_call_reaches_the_graph(toys, target, tmp_path):
    inputs = {name: [str(tmp_path / name)] for name in ("text", "started", "go")}
    with serving.Client(target, model="gate", timeout=0.5) as client:
        with pytest.raises(DeadlineExceeded):
            client.call(inputs)
        (tmp_path / "go").touch()
        assert client.call(inputs, timeout=20)["text"].shape == (1,)


def test_a_replaced_session_is_freed(toys):
    session = SavedModelSession(toys / "upper" / "1")
    freed = []
    weakref.finalize(session, freed.append, True)
    del session
    gc.collect()
    assert freed == [True]


def break_(path, how):
    data = path / "variables" / "variables.data-00000-of-00001"
    index = path / "variables" / "variables.index"
    graph = path / "saved_model.pb"
    if how == "no index":
        index.unlink()
    elif how == "no variables":
        shutil.rmtree(path / "variables")
    elif how == "no data":
        data.unlink()
    elif how == "short data":
        data.write_bytes(data.read_bytes()[:-2])
    elif how == "flipped data":
        content = bytearray(data.read_bytes())
        content[-1] ^= 1
        data.write_bytes(bytes(content))
    elif how == "short index":
        index.write_bytes(index.read_bytes()[:-9])
    elif how == "short graph":
        graph.write_bytes(graph.read_bytes()[:-9])
    elif how == "empty graph":
        graph.write_bytes(b"")
    elif how == "no graph":
        graph.unlink()


BROKEN = {
    "no index": ("NOT_FOUND", "variables.index is missing"),
    "no variables": ("NOT_FOUND", "variables.index is missing"),
    "no data": ("NOT_FOUND", "variables.data"),
    "short data": ("OUT_OF_RANGE", "Read"),
    "flipped data": ("DATA_LOSS", ""),
    "short index": ("DATA_LOSS", "not an sstable"),
    "short graph": ("OUT_OF_RANGE", ""),
    "empty graph": ("NOT_FOUND", "Could not find meta graph def matching"),
    "no graph": ("NOT_FOUND", "Could not find SavedModel .pb"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_folder_is_refused(toys, tmp_path, how):
    path = tmp_path / "1"
    shutil.copytree(toys / "upper" / "1", path)
    break_(path, how)
    code, message = BROKEN[how]
    with pytest.raises(Refusal) as caught:
        SavedModelSession(path)
    assert caught.value.code.name == code, caught.value
    assert message in caught.value.message


def test_a_missing_asset_is_refused(toys, tmp_path):
    path = tmp_path / "1"
    shutil.copytree(toys / "listed" / "1", path)
    assert SavedModelSession(path).signatures
    (path / "assets" / "words.txt").unlink()
    with pytest.raises(Refusal, match="words.txt; No such file") as caught:
        SavedModelSession(path)
    assert caught.value.code is grpc.StatusCode.NOT_FOUND


def test_no_fingerprint_is_needed(toys, tmp_path):
    """Versions of TensorFlow before 2.12 wrote none."""
    path = tmp_path / "1"
    shutil.copytree(toys / "upper" / "1", path)
    (path / "fingerprint.pb").unlink()
    session = SavedModelSession(path)
    text, upper = names(session)
    (found,) = session.run({text: strings(b"a")}, [upper])
    assert found.tolist() == [b"A"]


def test_without_variables_no_index_is_needed(toys, tmp_path):
    without_index(toys / "numbers" / "1", tmp_path / "1")
    session = SavedModelSession(tmp_path / "1")
    assert "serving_default" in session.signatures


def test_unknown_tensor_names_are_refused(session):
    with pytest.raises(Refusal, match="Tensor nothing:0.*not found in graph"):
        session.run({}, ["nothing:0"])
    text, _ = names(session)
    with pytest.raises(Refusal, match="not found in graph"):
        session.run({}, [text.replace(":0", ":7")])
