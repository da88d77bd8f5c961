"""Which versions are chosen, and what a configuration must look like."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from serving.messages import config_pb2
from serving.server.config import model_config
from serving.server.config.config_file import ConfigFile
from serving.server.config.text_format import ConfigError, read_config
from serving.server.refusal import Refusal
from serving.server.versions.model_manager import ModelManager
from serving.server.versions.version_policy import VersionPolicy

_POLICY = config_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy


@pytest.mark.parametrize(
    "text, chosen",
    [
        ("", [9]),
        ("latest {}", [9]),
        ("latest { num_versions: 2 }", [9, 3]),
        ("latest { num_versions: 20 }", [9, 3, 1]),
        ("all {}", [9, 3, 1]),
        ("specific { versions: 3 versions: 4 versions: 1 }", [3, 1]),
        ("specific {}", []),
    ],
)
def test_policies(text, chosen):
    found = VersionPolicy.of_message(text_format.Parse(text, _POLICY()))
    assert found.choose({1: "a", 9: "c", 3: "b"}) == chosen


@given(st.sets(st.integers(0, 99)), st.integers(1, 9))
def test_latest_is_the_end_of_the_sorted_list(present, count):
    chosen = VersionPolicy(count).choose(present)
    assert chosen == sorted(present)[-count:][::-1]


def parse(text, current=""):
    old = {}
    if current:
        old = model_config.of_message(_message(current), {})
    return model_config.of_message(_message(text), old)


def _message(text):
    return text_format.Parse(text, config_pb2.ModelServerConfig())


def one(name="m", base_path="/m", rest='model_platform: "tensorflow"'):
    return f'config {{ name: "{name}" base_path: "{base_path}" {rest} }}'


def several(*models):
    return f"model_config_list {{ {' '.join(models)} }}"


REFUSED = {
    "twice": (
        several(one(), one()),
        "",
        "Illegal to list model m multiple times in config list",
    ),
    "relative": (
        several(one(base_path="some/where")),
        "",
        "Expected model m to have an absolute path or URI; got base_path()=some/where",
    ),
    "a NUL in the path": (
        several(one(base_path=r"/m\000")),
        "",
        "model m: no base path has a NUL in it",
    ),
    "no platform": (
        several(one(rest="")),
        "",
        "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
        "ModelServerConfig::model_platform, model name is m",
    ),
    "type and platform": (
        several(one(rest='model_type: TENSORFLOW model_platform: "tensorflow"')),
        "",
        "Illegal setting both ModelServerConfig::model_type (deprecated) and "
        "ModelServerConfig::model_platform, model name is m",
    ),
    "other type": (
        several(one(rest="model_type: OTHER")),
        "",
        "ModelServerConfig::model_type choice 2 not supported.",
    ),
    "new platform": (
        several(one(rest='model_platform: "torch"')),
        "",
        "Model m requests unsupported platform torch",
    ),
    "changed platform": (
        several(one(rest='model_platform: "torch"')),
        several(one()),
        "Illegal to change a model's platform. For model m platform was tensorflow "
        "and new platform requested is torch",
    ),
    "no name": (several(one(name="")), "", "ModelConfig has no name specified."),
}


@pytest.mark.parametrize("row", REFUSED)
def test_configurations_that_are_refused(row):
    text, current, message = REFUSED[row]
    with pytest.raises(Refusal) as caught:
        parse(text, current)
    assert caught.value.message == message
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_remote_paths_are_refused_by_name():
    with pytest.raises(Refusal, match="gs://bucket/m is on a remote file system"):
        parse(several(one(base_path="gs://bucket/m")))
    assert str(parse(several(one(base_path="file:///m")))["m"].base_path) == "/m"


def test_an_emptied_file_takes_no_models_away():
    assert parse("") == {}
    with pytest.raises(Refusal) as caught:
        parse("", several(one()))
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.message.startswith("Cannot transition to requested config.")
    assert parse(several(), several(one())) == {}


def test_what_stays_the_same_is_the_same_object():
    old = parse(several(one(), one("n")))
    text = several(one("n", rest="model_type: TENSORFLOW"), one(base_path="/o"))
    new = model_config.of_message(_message(text), old)
    assert new["n"] is old["n"]
    assert new["m"] != old["m"]


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"model_config_list {\n  config { nmae: 'm' }\n}", ':2:12: Message type "'),
        (b"model_config_list {", ":1:19: Expected"),
        (b"\xff", ": must be UTF-8 text"),
        (b"model_config_list { config { name: 'm' } }", ":1: Expected model m to have"),
        (b"# of ours\ncustom_model_config {}", ":2: custom_model_config is not"),
        (None, ": No such file or directory"),
    ],
)
def test_files_that_make_no_sense(tmp_path, content, reason):
    path = tmp_path / "models.config"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        ConfigFile(path).first()
    assert str(caught.value).startswith(f"{path}{reason}")
    assert "keras" not in str(caught.value)
    assert "\n" not in str(caught.value)


GOOD = """
  config {
    name: "a" base_path: "/a"  # config { name: "b" } is below
    model_platform: "tensorflow"
    version_labels { key: "config {" value: 1 }
  }
"""
SECOND = """  config {
    name: "%s"
    base_path: "%s"
    %s
  }
}
"""


@pytest.mark.parametrize(
    "name, base_path, platform, line, message",
    [
        ("a", "/b", "", 9, "Illegal to list model a multiple times"),
        ("", "/b", "", 9, "ModelConfig has no name"),
        ("b", "some/where", "", 10, "Expected model b to have an absolute path"),
        ("b", "gs://b", "", 10, "model b: base path gs://b is on a remote"),
        ("b", "/b", "model_platform: 'torch'", 11, "Model b requests unsupported"),
        ("b", "/b", "model_type: OTHER", 11, "ModelServerConfig::model_type choice 2"),
        ("b", "/b", "", 8, "Illegal setting neither"),
    ],
)
def test_mistakes_of_meaning_have_a_line_too(
    tmp_path, caplog, name, base_path, platform, line, message
):
    path = tmp_path / "models.config"
    good = f"\nmodel_config_list {{{GOOD}"
    path.write_text(good + SECOND % (name, base_path, platform))
    with pytest.raises(ConfigError) as caught:
        ConfigFile(path).first()
    assert str(caught.value).startswith(f"{path}:{line}: {message}")
    models = ModelManager({}, load=None)
    ConfigFile(path).look(models)
    assert f"stays: {path}:{line}: {message}" in caplog.text
    models.close()


def test_everything_tf_serving_writes_is_read(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(
        """# as in TF Serving's guide
model_config_list: {
  config: {
    name: "first", base_path: "/tmp/first", model_platform: "tensorflow"
    model_version_policy: { specific: { versions: 42, versions: 43 } }
    version_labels: { key: 'stable', value: 42 }
    version_labels { key: 'canary' value: 43 }
    logging_config {
      log_collector_config { type: "x" filename_prefix: "/tmp/log" }
      sampling_config { sampling_rate: 0.1 }
    }
  }
}
"""
    )
    found = read_config(path, config_pb2.ModelServerConfig)
    entry = model_config.of_message(found, {})["first"]
    assert entry.policy == VersionPolicy(None, frozenset({42, 43}))
    assert entry.labels == {"stable": 42, "canary": 43}
