"""Whether the manifests agree with each other and with the flags that exist."""

from __future__ import annotations

import argparse

import pytest

from serving.commands import serve
from serving.launcher.flags import IMAGE, OWN
from serving.messages import monitoring_config_pb2
from serving.server.batching import read_options
from serving.server.config.config_file import ConfigFile
from serving.server.config.text_format import read_config
from tests.deploy.manifests import DEPLOY, by_kind, documents, kustomization, on_gpus


def container(folder):
    if folder == "kserve":
        return by_kind(folder)["ServingRuntime"]["spec"]["containers"][0]
    return by_kind(folder)["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def flags(folder):
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    found, unknown = parser.parse_known_args(container(folder)["args"])
    assert unknown == []
    return found


@pytest.fixture
def config(tmp_path):
    """The files of a ConfigMap."""

    def write(folder):
        for name, text in by_kind(folder)["ConfigMap"]["data"].items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize("folder", ["kubernetes", "kserve"])
def test_the_stock_server_is_told_what_it_knows(folder):
    words = container(folder)["args"]
    assert not {word[2:].partition("=")[0] for word in words} & set(OWN)
    assert container(folder)["command"] == ["/usr/bin/tensorflow_model_server"]
    assert container(folder)["image"] == IMAGE
    options = flags(folder)
    assert options.max_num_load_retries == 0
    assert options.enable_grpc_healthcheck_service


def test_files_are_there_and_make_sense(config):
    folder, options = config("kubernetes"), flags("kubernetes")
    mounts = {item["name"]: item for item in container("kubernetes")["volumeMounts"]}
    for name in (
        options.model_config_file,
        options.monitoring_config_file,
        options.batching_parameters_file,
    ):
        assert name.startswith(mounts["config"]["mountPath"] + "/")
        assert (folder / name.rpartition("/")[2]).exists()
    models = ConfigFile(folder / "models.config").first()
    assert list(models) == ["pronounce"]
    model = models["pronounce"]
    assert str(model.base_path).startswith(mounts["models"]["mountPath"] + "/")
    assert set(model.labels.values()) <= model.policy.specific
    batching = read_options(folder / "batching.config")
    assert batching.threads <= int(
        container("kubernetes")["resources"]["requests"]["cpu"]
    )
    kind = monitoring_config_pb2.MonitoringConfig
    metrics = read_config(folder / "monitoring.config", kind).prometheus_config
    annotations = by_kind("kubernetes")["Deployment"]["spec"]["template"]["metadata"][
        "annotations"
    ]
    assert metrics.enable and metrics.path == annotations["prometheus.io/path"]
    assert annotations["prometheus.io/port"] == str(options.rest_api_port)


def test_probes_mean_ready():
    options, server = flags("kubernetes"), container("kubernetes")
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    assert ports == {"grpc": options.port, "rest": options.rest_api_port}
    for probe in ("startupProbe", "readinessProbe"):
        found = server[probe]["httpGet"]
        assert found == {"path": "/v1/models/pronounce/metadata", "port": "rest"}
    assert server["livenessProbe"]["grpc"]["port"] == options.port
    options, server = flags("kserve"), container("kserve")
    for probe in ("startupProbe", "readinessProbe"):
        assert server[probe]["httpGet"] == {
            "path": f"/v1/models/{options.model_name}/metadata",
            "port": options.rest_api_port,
        }
    assert server["livenessProbe"]["grpc"]["port"] == options.port


def test_ports_of_kserve_are_those_of_the_server():
    options = flags("kserve")
    model = by_kind("kserve")["InferenceService"]["spec"]["predictor"]["model"]
    # The first becomes port 80 of the Service; KServe wants gRPC's to be named h2c.
    assert [(port["name"], port["containerPort"]) for port in model["ports"]] == [
        ("http1", options.rest_api_port),
        ("h2c", options.port),
    ]


@pytest.mark.parametrize("folder", ["kubernetes", "kserve"])
def test_pods_stop_in_time_and_by_a_signal(folder):
    if folder == "kserve":
        pod = by_kind(folder)["InferenceService"]["spec"]["predictor"]
    else:
        pod = by_kind(folder)["Deployment"]["spec"]["template"]["spec"]
    server = container(folder)
    program, seconds = server["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "/bin/sleep"
    assert pod["terminationGracePeriodSeconds"] >= int(seconds) + 15
    assert pod["shareProcessNamespace"]
    # Connections end before the pod that they lead to.
    arguments = dict(
        word.split("=") for word in flags(folder).grpc_channel_arguments.split(",")
    )
    assert int(arguments["grpc.max_connection_age_grace_ms"]) < 1000 * int(seconds)


def test_objects_name_each_other():
    found = by_kind("kubernetes")
    deployment = found["Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for document in documents("kubernetes"):
        assert document["metadata"]["labels"].items() <= labels.items()
        selector = document["spec"].get("selector") if "spec" in document else None
        if selector:
            assert selector.get("matchLabels", selector).items() <= labels.items()
    scaled = found["HorizontalPodAutoscaler"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]
    assert scaled["minReplicas"] > 1
    assert found["Service"]["spec"]["clusterIP"] == "None"
    names = {port["name"] for port in container("kubernetes")["ports"]}
    for document in documents("kubernetes"):
        if document["kind"] == "Service":
            assert {port["targetPort"] for port in document["spec"]["ports"]} <= names
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    (mapped,) = (item["configMap"] for item in volumes if "configMap" in item)
    assert mapped["name"] == found["ConfigMap"]["metadata"]["name"]


def test_kustomization_lists_every_file():
    files = {file.name for file in (DEPLOY / "kubernetes").glob("*.yaml")}
    listed = kustomization("kubernetes")["resources"]
    assert set(listed) == files - {"kustomization.yaml"}


def test_gpus():
    (deployment,) = (item for item in on_gpus() if item["kind"] == "Deployment")
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    assert server["image"] == f"{IMAGE}-gpu"
    assert server["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert server["env"] == [{"name": "TF_FORCE_GPU_ALLOW_GROWTH", "value": "true"}]


def test_kserve_service_takes_our_runtime(config):
    found = by_kind("kserve")
    runtime, service = found["ServingRuntime"], found["InferenceService"]
    model = service["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    formats = runtime["spec"]["supportedModelFormats"]
    assert model["modelFormat"].items() <= formats[0].items()
    (volume,) = runtime["spec"]["volumes"]
    assert volume["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]
    name = flags("kserve").monitoring_config_file.rpartition("/")[2]
    metrics = read_config(
        config("kserve") / name, monitoring_config_pb2.MonitoringConfig
    )
    path = runtime["spec"]["annotations"]["prometheus.kserve.io/path"]
    assert metrics.prometheus_config.path == path
