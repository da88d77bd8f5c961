"""Versions that are broken, half copied or taken away while a server runs."""

from __future__ import annotations

import errno
import random
import shutil
import threading

import grpc
import pytest
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from tests.reliability.figures import keep
from tests.reliability.watched import texts, watched
from tests.serving.test_session import BROKEN, break_

TEST = "tests/reliability/test_versions.py"
WARMUP = "assets.extra/tf_serving_warmup_requests"


@pytest.fixture(scope="module")
def base(model, tmp_path_factory):
    """The base path of the model that is served, to be damaged."""
    folder = tmp_path_factory.mktemp("base") / "upper"
    shutil.copytree(model("upper"), folder)
    return folder


@pytest.fixture(scope="module")
def server(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with watched({"upper": base}, folder, "--file_system_poll_wait_seconds=0.02") as up:
        yield up


@pytest.fixture(scope="module")
def stubs(server):
    with grpc.insecure_channel(server.target) as channel:
        yield (
            model_service_pb2_grpc.ModelServiceStub(channel),
            prediction_service_pb2_grpc.PredictionServiceStub(channel),
        )


def states(stubs):
    """State and error code by version."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "upper"
    lines = stubs[0].GetModelStatus(request, timeout=20).model_version_status
    return {line.version: (line.state, line.status.error_code) for line in lines}


def answered_by(stubs):
    """The version that answers, rightly."""
    answer = stubs[1].Predict(texts("upper", b"a"), timeout=20)
    assert answer.outputs["text"].string_val[:] == [b"A"]
    return answer.model_spec.version.value


END, AVAILABLE = 50, 30


def ends(stubs, number):
    """Waits until a version has failed; nothing else may answer meanwhile."""
    while True:
        assert answered_by(stubs) == 1
        state, code = states(stubs).get(number, (None, 0))
        assert state != AVAILABLE
        if state == END and code:
            return
        threading.Event().wait(0.005)


def damaged(path, how):
    """A version of which something is not as it should be."""
    if how in BROKEN:
        break_(path, how)
    elif how == "not a graph":
        (path / "saved_model.pb").write_bytes(random.Random(0).randbytes(5000))
    elif how == "warm-up cut short":
        (path / WARMUP).parent.mkdir()
        (path / WARMUP).write_bytes(b"\5\0\0\0\0\0\0\0")
    elif how == "graph is a folder":
        (path / "saved_model.pb").unlink()
        (path / "saved_model.pb").mkdir()
    elif how == "variables in a circle":
        shutil.rmtree(path / "variables")
        (path / "variables").symlink_to(path / "variables")
    elif how == "empty":
        shutil.rmtree(path)
        path.mkdir()
    else:
        raise ValueError(how)


KINDS = [
    *BROKEN,
    "not a graph",
    "warm-up cut short",
    "graph is a folder",
    "variables in a circle",
    "empty",
]


@pytest.mark.parametrize("number, how", [*enumerate(KINDS, 2)], ids=KINDS)
def test_a_damaged_version_replaces_nothing(base, stubs, number, how):
    arriving = base / "arriving"
    shutil.copytree(base / "1", arriving)
    damaged(arriving, how)
    arriving.rename(base / str(number))
    ends(stubs, number)
    shutil.rmtree(base / str(number))
    assert answered_by(stubs) == 1


@pytest.mark.parametrize("name", ["file", "dangling", "circle", "huge", "foreign"])
def test_what_is_no_version_is_not_taken_for_one(base, stubs, name, server):
    place = base / "7777"
    if name == "file":
        place.write_text("x")
    elif name == "dangling":
        place.symlink_to(base / "nothing")
    elif name == "circle":
        place.symlink_to(place)
    elif name == "huge":
        place = base / "99999999999999999999"
        shutil.copytree(base / "1", place)
    else:
        place = base / "7777.tmp"
        shutil.copytree(base / "1", place)
    looked_again(base, stubs)
    assert answered_by(stubs) == 1
    assert AVAILABLE not in [s for n, (s, _) in states(stubs).items() if n != 1]
    shutil.rmtree(place) if place.is_dir() else place.unlink()


def looked_again(base, stubs):
    """Waits until the server has looked again: it sees a new failure."""
    number = 1000 + len(states(stubs))
    (base / str(number)).mkdir()
    ends(stubs, number)
    (base / str(number)).rmdir()


def test_a_copy_is_taken_when_it_is_complete(base, stubs):
    """File by file, as ``cp -r`` would, the graph first."""
    target = base / "5000"
    files = sorted(path for path in (base / "1").rglob("*") if path.is_file())
    files.sort(key=lambda path: path.name != "saved_model.pb")
    for path in files:
        place = target / path.relative_to(base / "1")
        place.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        with place.open("wb") as file:
            for part in (content[: len(content) // 2], content[len(content) // 2 :]):
                answered_by(stubs)
                file.write(part)
                file.flush()
    while answered_by(stubs) != 5000:
        threading.Event().wait(0.005)
    shutil.rmtree(target)
    while answered_by(stubs) != 1:
        threading.Event().wait(0.005)


def test_a_base_path_out_of_reach_changes_nothing(base, stubs, server):
    gone, said = base.with_name("gone"), "cannot look for versions: "
    base.rename(gone)
    base.write_text("no folder")
    # It may have looked between the two: of each error it says so once.
    while f"{said}[Errno {errno.ENOTDIR}]" not in server.log.read_text():
        assert answered_by(stubs) == 1
    base.unlink()
    gone.rename(base)
    looked_again(base, stubs)
    assert answered_by(stubs) == 1


@pytest.mark.reliability
def test_damage_anywhere(base, stubs):
    """Files cut at any length, and flipped bits in what has checksums."""
    chance, outcomes = random.Random(5), {"refused": 0, "no harm": 0}
    files = sorted(p for p in (base / "1").rglob("*") if p.is_file())
    for number in range(10_000, 10_200):
        arriving = base / "arriving"
        shutil.copytree(base / "1", arriving)
        file = arriving / chance.choice(files).relative_to(base / "1")
        content = bytearray(file.read_bytes())
        if file.parent.name == "variables" and chance.random() < 0.5 and content:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        else:
            del content[chance.randrange(len(content) + 1) :]
        file.write_bytes(content)
        arriving.rename(base / str(number))
        while True:
            answering = answered_by(stubs)
            state, code = states(stubs).get(number, (None, 0))
            if state == END and code:
                assert answering == 1
                outcomes["refused"] += 1
                break
            if answering == number:  # the file does not matter, or nothing was cut
                outcomes["no harm"] += 1
                break
            threading.Event().wait(0.005)
        shutil.rmtree(base / str(number))
        while answered_by(stubs) != 1:
            threading.Event().wait(0.005)
    assert outcomes["refused"] > 50
    keep(
        12,
        "damaged versions",
        TEST,
        {
            "kinds of damage by hand": f"{len(KINDS)}, each refused",
            "files cut or with a flipped bit": f"{sum(outcomes.values())}",
            "refused": f"{outcomes['refused']}",
            "loaded, with the right answers": f"{outcomes['no harm']}",
            "wrong or failed answers": "0",
        },
    )
