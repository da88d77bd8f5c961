"""Several signatures asked at once are one run, with one deadline."""

from __future__ import annotations

import pytest

from serving.messages import inference_pb2
from serving.server import BatchingOptions
from serving.server.batching import BatchingRunner, Scheduler
from serving.server.methods import classify_regress
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.servable import Servable

TASKS = {"classify": "classify", "regress": "regress"}


class Noting:
    """A runner, and what it was asked; finds itself whatever is looked for."""

    def __init__(self, runner, signatures):
        self.runner, self.asked = runner, []
        self.servable = Servable("m", 1, signatures, self)

    def find(self, spec):
        return self.servable

    def run(self, feeds, fetches, timeout_ms=0):
        self.asked.append((len(feeds), len(fetches), timeout_ms))
        return self.runner.run(feeds, fetches, timeout_ms)


@pytest.fixture(params=["plain", "batching"])
def models(request, toys):
    session = SavedModelSession(toys / "upper" / "1")
    if request.param == "plain":
        yield Noting(session, session.signatures)
        return
    scheduler = Scheduler(BatchingOptions(threads=1))
    yield Noting(BatchingRunner(session, scheduler), session.signatures)
    scheduler.close()


def add_examples(request):
    for value in (1.5, -2.0):
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(value)
    return request


def test_tasks_share_a_run_and_its_time(models):
    request = add_examples(inference_pb2.MultiInferenceRequest())
    for signature, method in TASKS.items():
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "m", signature
    classified, regressed = classify_regress.multi_inference(
        models.find, request, 60_000
    ).results
    assert models.asked == [(2, 3, 60_000)]

    alone = add_examples(inference_pb2.ClassificationRequest())
    alone.model_spec.name, alone.model_spec.signature_name = "m", "classify"
    expected = classify_regress.classify(models.find, alone, 0).result
    assert classified.classification_result == expected
    assert [row.value for row in regressed.regression_result.regressions] == [3, -4]
