"""Classify, Regress and MultiInference, as TF Serving answers them."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

from tests.serving.contract import INVALID, NOT_FOUND, refused


def example(**features):
    found = tf.train.Example()
    for name, value in features.items():
        found.features.feature[name].float_list.value.append(value)
    return found


def with_examples(request, model="upper", signature="classify", count=2):
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if count:
        items = [example(x=float(row)) for row in range(count)]
        request.input.example_list.examples.extend(items)
    return request


def classification(*arguments, **named):
    request = classification_pb2.ClassificationRequest()
    return with_examples(request, *arguments, **named)


def regression(*arguments, **named):
    return with_examples(regression_pb2.RegressionRequest(), *arguments, **named)


EXAMPLE_ROWS = {
    "no model spec": (
        classification_pb2.ClassificationRequest(),
        INVALID,
        "Missing ModelSpec",
    ),
    "unknown model": (
        classification("nope"),
        NOT_FOUND,
        "Servable not found for request: Latest(nope)",
    ),
    "unknown signature": (
        classification(signature="foo"),
        INVALID,
        "No signature was found with the name: foo",
    ),
    "no examples": (classification(count=0), INVALID, "Input is empty."),
    "two inputs": (
        classification("numbers", "serving_default"),
        INVALID,
        "Expected one input Tensor.",
    ),
    "many outputs": (
        classification("upper", "align"),
        INVALID,
        "Expected one or two output Tensors, found 9",
    ),
    "regress: two outputs": (
        regression(),
        INVALID,
        "Expected one output Tensor.",
    ),
    "regress: unknown signature": (
        regression(signature="foo"),
        INVALID,
        "No signature was found with the name: foo",
    ),
}


@pytest.mark.parametrize("row", EXAMPLE_ROWS)
def test_classify_and_regress_refuse(prediction, row):
    request, code, message = EXAMPLE_ROWS[row]
    classifies = isinstance(request, classification_pb2.ClassificationRequest)
    call = prediction.Classify if classifies else prediction.Regress
    refused(call, request, code, message)


def test_our_signatures_are_no_classifiers(prediction):
    with pytest.raises(grpc.RpcError) as caught:
        prediction.Classify(classification("upper", "serving_default"), timeout=20)
    expected = "No classification inputs found in SignatureDef: "
    assert caught.value.details().startswith(expected)
    assert caught.value.code() is INVALID


def test_classify_and_regress_answer(prediction):
    answer = prediction.Classify(classification(), timeout=20)
    first, second = answer.result.classifications
    assert [(item.label, item.score) for item in second.classes] == [
        ("plus", 1.0),
        ("minus", -1.0),
    ]
    assert answer.model_spec.signature_name == "classify"
    answer = prediction.Regress(regression(signature="regress"), timeout=20)
    assert [item.value for item in answer.result.regressions] == [0.0, 2.0]


def test_context_is_merged_into_each_example(prediction):
    request = classification(count=0)
    given = request.input.example_list_with_context
    given.examples.extend([tf.train.Example()] * 2)
    given.context.CopyFrom(example(x=3.0))
    answer = prediction.Classify(request, timeout=20)
    scores = [row.classes[0].score for row in answer.result.classifications]
    assert scores == [3.0, 3.0]


def multi(*tasks, count=1):
    request = inference_pb2.MultiInferenceRequest()
    for model, signature, method in tasks:
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name = model
        task.model_spec.signature_name = signature
    items = [example(x=1.0) for _ in range(count)]
    request.input.example_list.examples.extend(items)
    return request


CLASSIFY, REGRESS = ("upper", "classify", "classify"), ("upper", "regress", "regress")
MULTI_ROWS = {
    "no tasks": (multi(), INVALID, "ModelSpec has no name specified."),
    "two models": (
        multi(CLASSIFY, ("numbers", "x", "classify")),
        INVALID,
        "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
    ),
    "one signature twice": (
        multi(CLASSIFY, CLASSIFY),
        INVALID,
        "Duplicate evaluation of signature: classify",
    ),
    "unknown signature": (
        multi(("upper", "foo", "classify")),
        INVALID,
        "Requested signature not found in model graph: foo",
    ),
    "unknown method": (
        multi(("upper", "classify", "predict")),
        grpc.StatusCode.UNIMPLEMENTED,
        "Unsupported signature method_name: tensorflow/serving/predict",
    ),
    "no examples": (multi(CLASSIFY, count=0), INVALID, "Input is empty."),
}


@pytest.mark.parametrize("row", MULTI_ROWS)
def test_multi_inference_refuses(prediction, row):
    refused(prediction.MultiInference, *MULTI_ROWS[row])


def test_multi_inference_answers(prediction):
    request = multi(CLASSIFY, REGRESS)
    first, second = prediction.MultiInference(request, timeout=20).results
    assert first.classification_result.classifications[0].classes[0].score == 1.0
    assert second.regression_result.regressions[0].value == 2.0
    assert second.model_spec.signature_name == "regress"
