"""Several models, policies, labels and other configurations while running."""

from __future__ import annotations

import logging
import shutil
import threading

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.embedded import (
    BatchingOptions,
    ConfigFile,
    LoadPolicy,
    RestOptions,
    Server,
    ServerOptions,
)
from serving.embedded.configuration import of_message
from serving.embedded.models import Models
from serving.embedded.refusal import Refusal
from serving.embedded.servable import Servable
from serving.embedded.session import SavedModelSession
from serving.errors import ModelLoadFailed
from serving.messages import config_pb2, model_pb2
from tests.serving import web
from tests.serving.toys import save_upper, without_index

OLD = "Request to assign label to version {} of model {}, which is not currently "
UNAVAILABLE_LABEL = OLD + "available for inference"


def load(name, version, path):
    session = SavedModelSession(path)
    return Servable(name, version, session.signatures, session)


@pytest.fixture
def base(toys, tmp_path):
    """Folder with the models ``a`` (versions 1 and 2) and ``b`` (version 1)."""
    for place in ("a/1", "a/2", "b/1"):
        shutil.copytree(toys / "upper" / "1", tmp_path / place)
    return tmp_path


def text_of(base, **models):
    """A configuration as text: further fields by model name."""
    lines = [
        f'config {{ name: "{name}" base_path: "{base / name}" '
        f'model_platform: "tensorflow" {more} }}'
        for name, more in models.items()
    ]
    return f"model_config_list {{ {' '.join(lines)} }}"


def message_of(base, **models):
    kind = config_pb2.ModelServerConfig
    return text_format.Parse(text_of(base, **models), kind())


def made(base, policy=None, load=load, **models):
    started = Models(of_message(message_of(base, **models), {}), load, policy)
    started.start()
    return started


def spec(name, **choice):
    found = model_pb2.ModelSpec(name=name)
    if "label" in choice:
        found.version_label = choice["label"]
    if "version" in choice:
        found.version.value = choice["version"]
    return found


def served(models, name):
    states = models.status(spec(name))
    return sorted(line.version for line in states if line.state == line.AVAILABLE)


def refused(models, message):
    with pytest.raises(Refusal) as caught:
        models.reload(message)
    return caught.value


@pytest.mark.parametrize(
    "more, numbers",
    [
        ("", [2]),
        ("model_version_policy { latest { num_versions: 2 } }", [1, 2]),
        ("model_version_policy { all {} }", [1, 2]),
        ("model_version_policy { specific { versions: 1 } }", [1]),
    ],
)
def test_policies_choose_among_the_folders(base, more, numbers):
    models = made(base, a=more, b="")
    assert served(models, "a") == numbers
    assert models.find(spec("a")).version == numbers[-1]
    assert models.find(spec("b")).version == 1


def test_a_policy_that_names_nothing_fails_the_start(base):
    with pytest.raises(ModelLoadFailed, match="none of the versions that its policy"):
        made(base, a="model_version_policy { specific { versions: 7 } }")


def test_another_policy_loads_before_it_unloads(base):
    models = made(base, a="")
    seen = []

    def watching(name, version, path):
        seen.append((version, served(models, "a")))
        return load(name, version, path)

    models._aligner._load = watching
    models.reload(message_of(base, a="model_version_policy { specific {versions: 1}}"))
    models.refresh()
    assert seen == [(1, [2])]
    assert served(models, "a") == [1]


def test_a_policy_that_names_nothing_takes_nothing_away(base):
    models = made(base, a="")
    models.reload(message_of(base, a="model_version_policy { specific {versions: 7}}"))
    models.refresh()
    assert served(models, "a") == [2]


def test_models_come_and_go(base):
    models = made(base, a="")
    before = models.find(spec("a"))
    models.reload(message_of(base, a="", b=""))
    assert models.find(spec("a")) is before
    assert models.find(spec("b")).version == 1
    models.reload(message_of(base, b=""))
    with pytest.raises(Refusal, match=r"Latest\(a\)"):
        models.find(spec("a"))
    assert [line.state for line in models.status(spec("a"))] == [50]
    models.reload(message_of(base))
    assert models.served() == {}


LABELS = "version_labels { key: 'stable' value: 2 }"


def test_labels(base):
    models = made(base, a=LABELS, b="")
    assert models.find(spec("a", label="stable")).version == 2
    for name in ("a", "b", "nope"):
        with pytest.raises(Refusal) as caught:
            models.find(spec(name, label="canary"))
        assert caught.value.message == "Unrecognized servable version label: canary"
        assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    models.reload(message_of(base, a=""))
    with pytest.raises(Refusal, match="Unrecognized servable version label: stable"):
        models.find(spec("a", label="stable"))


def test_a_label_outlives_its_version(base):
    models = made(base, a=LABELS)
    shutil.copytree(base / "a" / "1", base / "a" / "3")
    models.refresh()
    with pytest.raises(Refusal) as caught:
        models.find(spec("a", label="stable"))
    assert caught.value.message == "Servable not found for request: Specific(a, 2)"


def test_labels_only_for_what_is_available(base):
    models = made(base, a=LABELS)
    wrong = message_of(base, a="version_labels { key: 'stable' value: 1 }", b="")
    refusal = refused(models, wrong)
    assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refusal.message == UNAVAILABLE_LABEL.format(1, "a")
    # All of the old configuration is in force: labels, models, and what is polled.
    assert models.find(spec("a", label="stable")).version == 2
    assert models.served() == {"a": True}
    with pytest.raises(ModelLoadFailed, match="assign label to version 7 of model a"):
        made(base, a="version_labels { key: 'x' value: 7 }")


def test_unused_labels_for_what_is_not_available(base):
    models = made(base, LoadPolicy(labels_for_unavailable=True), a=LABELS)
    two = LABELS + "version_labels { key: 'next' value: 3 }"
    models.reload(message_of(base, a=two))
    with pytest.raises(Refusal, match=r"Specific\(a, 3\)"):
        models.find(spec("a", label="next"))
    moved = "version_labels { key: 'stable' value: 3 }"
    assert refused(models, message_of(base, a=moved)).message == (
        UNAVAILABLE_LABEL.format(3, "a")
    )


def test_a_new_model_may_bring_its_labels(base):
    models = made(base, b="")
    models.reload(message_of(base, a=LABELS, b=""))
    assert models.find(spec("a", label="stable")).version == 2


def test_a_new_model_that_does_not_load_changes_nothing(base):
    without_index(base / "a" / "1", base / "bad" / "1")
    models = made(base, a="", b="")
    before = models.find(spec("a"))
    refusal = refused(models, message_of(base, b="", bad=""))
    assert refusal.code is grpc.StatusCode.UNKNOWN
    assert refusal.message.startswith(
        "1 model(s) did not become available: {{{name: bad version: 1} due to error: "
        "NOT_FOUND: the graph has variables, but "
    )
    assert refusal.message.endswith("}, }")
    assert models.find(spec("a")) is before
    assert models.served() == {"a": True, "b": True}
    (line,) = models.status(spec("bad"))
    assert (line.state, line.status.error_code) == (line.END, 5)
    refusal = refused(models, message_of(base, nowhere=""))
    assert "base path" in refusal.message and "does not exist" in refusal.message


def test_models_beside_one_that_fails_are_not_kept(base):
    without_index(base / "a" / "1", base / "bad" / "1")
    models = made(base, a="")
    refused(models, message_of(base, a="", b="", bad=""))
    with pytest.raises(Refusal, match=r"Latest\(b\)"):
        models.find(spec("b"))


def test_one_missing_folder_does_not_stop_the_others(base, caplog):
    models = made(base, a="", b="")
    (base / "a").rename(base / "gone")
    shutil.copytree(base / "b" / "1", base / "b" / "2")
    with caplog.at_level(logging.WARNING, "serving"):
        models.refresh()
        models.refresh()
    assert served(models, "a") == [2]
    assert served(models, "b") == [2]
    assert caplog.text.count("model a: cannot look for versions") == 1


class Failing:
    """Fails so many times, then loads."""

    def __init__(self, times):
        self.left, self.calls = times, 0

    def __call__(self, name, version, path):
        self.calls += 1
        if self.left:
            self.left -= 1
            raise Refusal(grpc.StatusCode.DATA_LOSS, "bits")
        return load(name, version, path)


def test_failed_loads_are_tried_again(base, caplog):
    policy = LoadPolicy(retries=2, retry_seconds=0.01)
    with caplog.at_level(logging.ERROR, "serving"):
        models = made(base, policy, Failing(2), b="")
    assert served(models, "b") == [1]
    assert caplog.text.count("model b: version 1 does not load: DATA_LOSS: bits") == 2


def test_retries_end(base):
    loader = Failing(3)
    with pytest.raises(ModelLoadFailed, match="version 1.*DATA_LOSS: bits"):
        made(base, LoadPolicy(retries=2, retry_seconds=0.01), loader, b="")
    assert loader.calls == 3


def test_while_retries_are_left_the_version_is_loading(base):
    loader = Failing(0)
    policy = LoadPolicy(retries=1, retry_seconds=1e6)
    models = made(base, policy, loader, b="")
    shutil.copytree(base / "b" / "1", base / "b" / "2")
    loader.left = 9
    models.refresh()
    models.refresh()  # not due for days
    assert loader.calls == 2
    line = models.status(spec("b", version=2))[0]
    assert (line.state, line.status.error_code) == (line.LOADING, 0)
    shutil.copytree(base / "b" / "1", base / "b" / "3")
    loader.left = 0
    models.refresh()
    assert [line.state for line in models.status(spec("b"))] == [30, 50, 50]
    assert models.status(spec("b", version=2))[0].status.error_message == "bits"


def test_an_error_of_another_kind_is_a_failed_load_too(base):
    def broken(name, version, path):
        raise RuntimeError("oh")

    with pytest.raises(ModelLoadFailed, match="INTERNAL: RuntimeError"):
        made(base, None, broken, b="")


def test_several_models_load_at_once(base):
    both = threading.Barrier(2, timeout=30)

    def together(name, version, path):
        both.wait()
        return load(name, version, path)

    models = made(base, LoadPolicy(threads=2), together, a="", b="")
    assert models.served() == {"a": True, "b": True}


def test_a_load_that_ends_after_its_model_has_gone_has_no_effect(base):
    begun, go = threading.Event(), threading.Event()
    models = made(base, b="")

    def slow(name, version, path):
        begun.set()
        assert go.wait(30)
        return load(name, version, path)

    models._aligner._load = slow
    shutil.copytree(base / "b" / "1", base / "b" / "2")
    models.poll()
    assert begun.wait(30)
    models.reload(message_of(base))
    go.set()
    models._executor.shutdown(wait=True)
    assert served(models, "b") == []


def test_bad_policies_of_loading_are_refused():
    for wrong in ({"threads": -1}, {"retries": -1}, {"retry_seconds": -0.5}):
        with pytest.raises(ValueError, match="expected 0 or more, received -"):
            LoadPolicy(**wrong)


# Through gRPC, with the official stubs.


@pytest.fixture
def stubs(base):
    options = ServerOptions(host="127.0.0.1", port=0, threads=4, poll_seconds=0)
    with Server({"a": base / "a"}, options) as server:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield (
                model_service_pb2_grpc.ModelServiceStub(channel),
                prediction_service_pb2_grpc.PredictionServiceStub(channel),
            )


def reload_request(text):
    request = model_management_pb2.ReloadConfigRequest()
    return text_format.Parse(f"config {{ {text} }}", request)


def ask(stub, name, **choice):
    return answer(stub, name, **choice).model_spec


def answer(stub, name, **choice):
    request = predict_pb2.PredictRequest()
    request.model_spec.ParseFromString(spec(name, **choice).SerializeToString())
    request.inputs["text"].dtype = 7
    request.inputs["text"].tensor_shape.dim.add(size=1)
    request.inputs["text"].string_val.append(b"x")
    return stub.Predict(request, timeout=60)


def test_reload_by_call(base, stubs):
    models, prediction = stubs
    text = text_of(base, a=LABELS, b="")
    response = models.HandleReloadConfigRequest(reload_request(text), timeout=20)
    assert (response.status.error_code, response.status.error_message) == (0, "")
    assert ask(prediction, "b").version.value == 1
    answer = ask(prediction, "a", label="stable")
    assert answer.version.value == 2
    assert not answer.version_label


def test_labels_over_rest(base):
    """The same models behind the other port."""
    file = base / "models.config"
    policy = "model_version_policy { all {} }"
    file.write_text(text_of(base, a=policy + LABELS))
    options = ServerOptions(
        host="127.0.0.1", port=0, poll_seconds=0, rest=RestOptions(port=0)
    )
    with Server(ConfigFile(file), options) as server:
        path = "/v1/models/a/labels/stable"
        found = web.ask(server.rest_port, "GET", f"{path}/metadata").json()
        assert found["model_spec"]["version"] == "2"
        body = {"instances": ["x"]}
        answer = web.ask(server.rest_port, "POST", f"{path}:predict", body)
        assert answer.json()["predictions"][0]["text"] == "X"
        path = "/v1/models/a/labels/canary"
        refusal = web.ask(server.rest_port, "POST", f"{path}:predict", body)
        message = "Unrecognized servable version label: canary"
        assert (refusal.status, refusal.json()) == (400, {"error": message})


UNSUPPORTED = (
    "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
    "ModelConfigList is currently supported"
)


@pytest.mark.parametrize(
    "text, code, message",
    [
        ("", "INVALID_ARGUMENT", UNSUPPORTED),
        ("custom_model_config {}", "INVALID_ARGUMENT", UNSUPPORTED),
        (
            "model_config_list { config { name: 'x' } config { name: 'x' } }",
            "INVALID_ARGUMENT",
            "Illegal to list model x multiple times in config list",
        ),
        (
            "model_config_list { config { name: 'x' base_path: 'y' } }",
            "INVALID_ARGUMENT",
            "Expected model x to have an absolute path or URI; got base_path()=y",
        ),
        (
            "model_config_list { config { name: 'a' base_path: '/a' "
            "model_platform: 'tensorflow' version_labels { key: 'l' value: 3 } } }",
            "FAILED_PRECONDITION",
            UNAVAILABLE_LABEL.format(3, "a"),
        ),
    ],
)
def test_reloads_that_are_refused(stubs, text, code, message):
    models, prediction = stubs
    with pytest.raises(grpc.RpcError) as caught:
        models.HandleReloadConfigRequest(reload_request(text), timeout=20)
    assert caught.value.details() == message
    assert caught.value.code().name == code
    assert ask(prediction, "a").version.value == 2


def test_status_of_several_versions(base, stubs):
    models, _ = stubs
    text = text_of(base, a="model_version_policy { all {} }")
    models.HandleReloadConfigRequest(reload_request(text), timeout=20)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "a"

    def numbers():
        lines = models.GetModelStatus(request, timeout=20).model_version_status
        return [line.version for line in lines if line.state == line.AVAILABLE]

    while numbers() != [2, 1]:  # loaded after the call has returned
        threading.Event().wait(0.01)


@pytest.mark.parametrize("batching", [None, BatchingOptions(timeout_seconds=0.002)])
def test_no_request_fails_while_versions_change(toys, tmp_path, batching):
    """v1, v2, a v3 that is broken, back to v1: every answer is its version's."""
    base, two = tmp_path / "m", tmp_path / "two"
    shutil.copytree(toys / "upper" / "1", base / "1")
    save_upper(two, "v2 ")
    expected = {1: b"X", 2: b"v2 X"}
    options = ServerOptions(
        host="127.0.0.1", port=0, threads=8, poll_seconds=0.02, batching=batching
    )
    found, done = [], threading.Event()

    def keep_asking(channel):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        while not done.is_set():
            try:
                response = answer(stub, "m")
            except grpc.RpcError as error:
                found.append(error)
                return
            version = response.model_spec.version.value
            found.append((version, response.outputs["text"].string_val[0]))

    with Server({"m": base}, options) as server:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            threads = [
                threading.Thread(target=keep_asking, args=(channel,)) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            _until(found, 1)
            two.rename(base / "2")
            _until(found, 2)
            without_index(base / "1", base / "3")
            while len(server._models.status(spec("m"))) < 3:
                threading.Event().wait(0.01)
            _until(found, 2)
            shutil.rmtree(base / "3")
            (base / "2").rename(tmp_path / "two")
            _until(found, 1)
            done.set()
            for thread in threads:
                thread.join(60)
    assert len(found) > 20
    assert [item for item in found if item not in expected.items()] == []


def _until(found, version):
    """Waits for an answer of a version, or an error."""
    seen = len(found)
    while all(isinstance(item, tuple) and item[0] != version for item in found[seen:]):
        threading.Event().wait(0.01)


# From a file.


def test_the_file_is_looked_at_again(base, caplog):
    file = base / "models.config"
    file.write_text(text_of(base, a=""))
    config = ConfigFile(file)
    models = Models(config.first(), load)
    models.start()
    with caplog.at_level(logging.ERROR, "serving"):
        file.write_text("model_config_list {\n  config { nmae: 'x' } }")
        config.look(models)
        config.look(models)
        assert caplog.text.count(f"stays: {file}:2:12: ") == 1
        file.write_text("")
        config.look(models)
        assert f"stays: {file}: Cannot transition" in caplog.text
        file.unlink()
        config.look(models)
        assert f"stays: {file}: No such file" in caplog.text
    assert models.served() == {"a": True}
    file.write_text(text_of(base, b=""))
    config.look(models)
    assert models.served() == {"b": True}


def test_a_running_server_follows_its_file(base, start, cli):
    file = base / "models.config"
    file.write_text(text_of(base, a=LABELS))
    flags = (
        f"--model_config_file={file}",
        "--model_config_file_poll_wait_seconds=0.05",
    )
    with start(*flags) as process:
        assert process.ready_line.endswith("model=a version=2\n")
        with grpc.insecure_channel(process.target) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            assert ask(stub, "a", label="stable").version.value == 2
            incoming = base / "incoming"
            incoming.write_text(text_of(base, b=""))
            incoming.rename(file)
            while True:
                try:
                    assert ask(stub, "b").version.value == 1
                    break
                except grpc.RpcError as error:
                    assert error.code() is grpc.StatusCode.NOT_FOUND


def test_a_server_without_models_waits_for_some(tmp_path, start):
    file = tmp_path / "models.config"
    file.write_text("")
    with start(f"--model_config_file={file}") as process:
        assert process.port
        assert "model=" not in process.ready_line


@pytest.mark.parametrize(
    "content, more, words",
    [
        ("model_config_list {", (), ["models.config:1:19: "]),
        ("", ("--model_base_path=/m",), ["contradict", "TF Serving would ignore"]),
        ("", ("--num_load_threads=-1",), ["threads: expected 0 or more"]),
    ],
)
def test_a_start_with_a_wrong_file_fails_in_one_line(
    tmp_path, cli, content, more, words
):
    file = tmp_path / "models.config"
    file.write_text(content)
    status, out, errors = cli("serve", f"--model_config_file={file}", *more)
    assert status == 1 and out == "" and errors.count("\n") == 1
    for word in words:
        assert word in errors
