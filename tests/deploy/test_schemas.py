"""Manifests against published schemas (``make test-deploy``)."""

from __future__ import annotations

import copy

import pytest

from tests.deploy.manifests import by_kind, documents, on_gpus
from tests.deploy.schemas import KUBERNETES, check_kserve, check_kubernetes

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("place", ["kubernetes", "kubernetes-gpu", "kserve"])
def test_kubernetes(place, version):
    found = on_gpus() if place == "kubernetes-gpu" else documents(place)
    checked = 0
    for document in found:
        if "kserve" not in document["apiVersion"]:
            check_kubernetes(document, version)
            checked += 1
    assert checked == (1 if place == "kserve" else 6)


@pytest.mark.parametrize(
    "kind, name",
    [
        ("ServingRuntime", "V1alpha1ServingRuntime"),
        ("InferenceService", "V1beta1InferenceService"),
    ],
)
def test_kserve(kind, name):
    document = by_kind("kserve")[kind]
    assert document["apiVersion"].rpartition("/")[2] == name[: -len(kind)].lower()
    check_kserve(document, name)


def test_mistakes_are_found():
    deployment = copy.deepcopy(by_kind("kubernetes")["Deployment"])
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["readinessProbes"] = container.pop("readinessProbe")
    with pytest.raises(Exception, match="readinessProbes"):
        check_kubernetes(deployment, KUBERNETES[0])
    service = copy.deepcopy(by_kind("kserve")["InferenceService"])
    service["spec"]["predictor"]["model"]["runTime"] = "x"
    with pytest.raises(AssertionError, match="runTime"):
        check_kserve(service, "V1beta1InferenceService")
    runtime = copy.deepcopy(by_kind("kserve")["ServingRuntime"])
    runtime["spec"]["containers"][0]["ports"] = 8080
    with pytest.raises(Exception, match="8080"):
        check_kserve(runtime, "V1alpha1ServingRuntime")
    del runtime["spec"]["containers"]
    with pytest.raises(AssertionError, match="containers.* is missing"):
        check_kserve(runtime, "V1alpha1ServingRuntime")
