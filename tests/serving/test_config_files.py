"""Text protos: what is read, and what is said about those that cannot be."""

from __future__ import annotations

import pytest

from serving.messages import batching_pb2, monitoring_config_pb2, ssl_config_pb2
from serving.server.config.text_format import ConfigError, read_config

MONITORING = monitoring_config_pb2.MonitoringConfig
SSL = ssl_config_pb2.SSLConfig


def test_reads_what_tf_serving_documents(tmp_path):
    file = tmp_path / "monitoring.config"
    file.write_text('prometheus_config {\n  enable: true,\n  path: "/m"\n}\n')
    config = read_config(file, MONITORING).prometheus_config
    assert (config.enable, config.path) == (True, "/m")
    file.write_text(
        'server_key: "-----BEGIN\\nKEY"\nserver_cert: "a\\n" "b"\nclient_verify: true'
    )
    ssl = read_config(file, SSL)
    assert ssl.server_key == "-----BEGIN\nKEY"
    assert ssl.server_cert == "a\nb"
    assert ssl.client_verify


@pytest.mark.parametrize(
    "text, where, words",
    [
        ("prometheus_config {\n  enabled: 1\n}", "2:3", ['no field named "enabled"']),
        ("prometheus_config {\n  enable: maybe\n}", "2:11", ["maybe"]),
        ("prometheus_config {\n  enable: true\n", "", ["}"]),
        ("\n\nprometheus_config: 3", "3:20", ["3"]),
    ],
)
def test_mistakes_are_shown_with_file_and_line(tmp_path, text, where, words):
    file = tmp_path / "m.config"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(file, MONITORING)
    message = str(caught.value)
    assert message.startswith(f"{file}:{where}")
    assert "\n" not in message and "keras_attention" not in message
    for word in words:
        assert word in message


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match="none: No such file"):
        read_config(tmp_path / "none", MONITORING)
    with pytest.raises(ConfigError, match="Is a directory"):
        read_config(tmp_path, MONITORING)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ConfigError, match="binary: must be UTF-8 text"):
        read_config(tmp_path / "binary", MONITORING)


@pytest.mark.parametrize(
    "kind, numbers",
    [
        (
            SSL,
            {"server_key": 1, "server_cert": 2, "custom_ca": 3, "client_verify": 4},
        ),
        (MONITORING, {"prometheus_config": 1}),
        (
            batching_pb2.BatchingParameters,
            {
                "max_batch_size": 1,
                "batch_timeout_micros": 2,
                "max_enqueued_batches": 3,
                "num_batch_threads": 4,
                "thread_pool_name": 5,
                "allowed_batch_sizes": 6,
                "pad_variable_length_inputs": 7,
                "enable_large_batch_splitting": 8,
                "max_execution_batch_size": 9,
            },
        ),
        (monitoring_config_pb2.PrometheusConfig, {"enable": 1, "path": 2}),
    ],
)
def test_fields_are_those_of_tf_serving(kind, numbers):
    """Written down here, for TensorFlow's package leaves these messages out."""
    assert {field.name: field.number for field in kind.DESCRIPTOR.fields} == numbers
