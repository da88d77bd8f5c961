"""Other models and versions by call and by file, while the server runs."""

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

from serving.server import (
    BatchingOptions,
    ConfigFile,
    RestOptions,
    Server,
    ServerOptions,
)
from serving.server.versions.model_manager import ModelManager
from tests.serving import web
from tests.serving.model_configs import LABELS, load, spec, text_of
from tests.serving.toys import save_upper, without_index


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
    models = ModelManager(config.first(), load)
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
        (
            "",
            ("--num_load_threads=-1",),
            ["`threads` must not be negative."],
        ),
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
