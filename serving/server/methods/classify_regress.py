"""Classify, Regress and MultiInference: the methods that take ``tf.Example``.

Which signature can be called is decided by its shape, as TF Serving does by default:
one input ``inputs``, and ``classes`` and/or ``scores``, or ``outputs``.
"""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import numpy as np

from serving.client.signature_contract import DEFAULT_SIGNATURE
from serving.messages import inference_pb2, model_pb2, signature_pb2, tensor_pb2
from serving.server.refusal import Refusal, invalid
from serving.server.versions.servable import Find, Servable
from serving.tensors.dtypes import dtype_name, number_of

_INPUTS, _CLASSES, _SCORES, _OUTPUTS = "inputs", "classes", "scores", "outputs"
_CLASSIFY = "tensorflow/serving/classify"
_REGRESS = "tensorflow/serving/regress"


def classify(
    find: Find, request: inference_pb2.ClassificationRequest, timeout_ms: int
) -> inference_pb2.ClassificationResponse:
    """Answers a ClassificationRequest."""
    spec, values, rows = _infer(find, request, _CLASSIFY, timeout_ms)
    return inference_pb2.ClassificationResponse(
        model_spec=spec, result=_classification(values, rows)
    )


def regress(
    find: Find, request: inference_pb2.RegressionRequest, timeout_ms: int
) -> inference_pb2.RegressionResponse:
    """Answers a RegressionRequest."""
    spec, values, rows = _infer(find, request, _REGRESS, timeout_ms)
    return inference_pb2.RegressionResponse(
        model_spec=spec, result=_regression(values, rows)
    )


def multi_inference(
    find: Find, request: inference_pb2.MultiInferenceRequest, timeout_ms: int
) -> inference_pb2.MultiInferenceResponse:
    """Answers a MultiInferenceRequest: several signatures, the same examples."""
    first = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
    servable = find(first)
    methods: dict[str, str] = {}
    wanted: dict[str, list[str]] = {}
    for task in request.tasks:
        spec = task.model_spec
        if not spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if spec.name != first.name:
            raise invalid(
                "All ModelSpecs in a MultiInferenceRequest must access the same model "
                "name."
            )
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name in methods:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        if name not in servable.signatures:
            raise invalid(f"Requested signature not found in model graph: {name}")
        if task.method_name not in (_CLASSIFY, _REGRESS):
            raise Refusal(
                grpc.StatusCode.UNIMPLEMENTED,
                f"Unsupported signature method_name: {task.method_name}",
            )
        wanted[name] = _outputs(servable.signatures[name], task.method_name)
        methods[name] = task.method_name
    examples = _examples(request.input)
    found = _run(servable, wanted, examples, timeout_ms)
    response = inference_pb2.MultiInferenceResponse()
    for name, values in found.items():
        result = response.results.add(model_spec=_spec(first.name, name, servable))
        if methods[name] == _CLASSIFY:
            classified = _classification(values, len(examples))
            result.classification_result.CopyFrom(classified)
        else:
            result.regression_result.CopyFrom(_regression(values, len(examples)))
    return response


def _infer(
    find: Find,
    request: inference_pb2.ClassificationRequest | inference_pb2.RegressionRequest,
    method: str,
    timeout_ms: int,
) -> tuple[model_pb2.ModelSpec, dict[str, np.ndarray], int]:
    """Whatever answered, the values of a signature's outputs, the number of rows."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    servable = find(request.model_spec)
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        raise invalid(f"No signature was found with the name: {name}")
    wanted = {name: _outputs(servable.signatures[name], method)}
    examples = _examples(request.input)
    values = _run(servable, wanted, examples, timeout_ms)[name]
    return _spec(request.model_spec.name, name, servable), values, len(examples)


def _outputs(signature: signature_pb2.SignatureDef, method: str) -> list[str]:
    """The outputs that a method fetches."""
    count, kind = len(signature.outputs), "regression"
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if method == _CLASSIFY:
        kind = "classification"
        if count not in (1, 2):
            raise invalid(f"Expected one or two output Tensors, found {count}")
    elif count != 1:
        raise invalid("Expected one output Tensor.")
    if _INPUTS not in signature.inputs:
        raise invalid(f"No {kind} inputs found in SignatureDef: {signature}")
    wanted = [_CLASSES, _SCORES] if method == _CLASSIFY else [_OUTPUTS]
    found = [name for name in wanted if name in signature.outputs]
    if not found and method == _CLASSIFY:
        raise invalid(
            "Expected classification signature outputs to contain at least one of "
            f'"{_CLASSES}" or "{_SCORES}". Signature was: {signature}'
        )
    if not found:
        raise invalid(f"No regression outputs found in SignatureDef: {signature}")
    return found


def _examples(given: inference_pb2.Input) -> np.ndarray:
    """Serialized examples ``[B]``, the shared context in front of each."""
    kind = given.WhichOneof("kind")
    items = getattr(given, kind).examples if kind else ()
    context = b""
    if kind == "example_list_with_context":
        context = given.example_list_with_context.context.SerializeToString()
    if not items:
        raise invalid("Input is empty.")
    array = np.empty(len(items), object)
    # Concatenated messages merge when they are parsed.
    array[:] = [context + item.SerializeToString() for item in items]
    return array


def _run(
    servable: Servable,
    wanted: Mapping[str, list[str]],
    examples: np.ndarray,
    timeout_ms: int,
) -> dict[str, dict[str, np.ndarray]]:
    """Values of outputs by signature, all from one run, as in TF Serving."""
    signatures = {name: servable.signatures[name] for name in wanted}
    feeds = {item.inputs[_INPUTS].name: examples for item in signatures.values()}
    tensors = {
        name: {output: signatures[name].outputs[output].name for output in outputs}
        for name, outputs in wanted.items()
    }
    fetches = sorted({tensor for by in tensors.values() for tensor in by.values()})
    values = dict(
        zip(fetches, servable.runner.run(feeds, fetches, timeout_ms), strict=True)
    )
    return {
        name: {output: values[tensor] for output, tensor in by.items()}
        for name, by in tensors.items()
    }


def _classification(
    values: dict[str, np.ndarray], batch: int
) -> inference_pb2.ClassificationResult:
    expected = {_CLASSES: tensor_pb2.DT_STRING, _SCORES: tensor_pb2.DT_FLOAT}
    for name, array in values.items():
        number = expected[name]
        if array.ndim != 2:
            raise invalid(
                "Expected Tensor shape: [batch_size num_classes] but got "
                f"{_debug_shape(array)}"
            )
        received = number_of(array.dtype)
        if received != number:
            raise invalid(
                f"Expected {name} Tensor of {dtype_name(number)}. "
                f"Got: {dtype_name(received)}"
            )
        if len(array) != batch:
            raise invalid(
                f"Expected {name} output batch size of {batch}. Got: {len(array)}"
            )
    widths = [array.shape[1] for array in values.values()]
    if len(set(widths)) > 1:
        raise invalid(
            "Tensors class and score should match in dim_size(1). Got "
            f"{widths[0]} vs. {widths[1]}"
        )
    labels, scores = values.get(_CLASSES), values.get(_SCORES)
    result = inference_pb2.ClassificationResult()
    for row in range(batch):
        classes = result.classifications.add().classes
        for column in range(widths[0]):
            item = classes.add()
            if labels is not None:
                item.label = labels[row, column].decode("utf-8", "replace")
            if scores is not None:
                item.score = float(scores[row, column])
    return result


def _regression(
    values: dict[str, np.ndarray], batch: int
) -> inference_pb2.RegressionResult:
    array = values[_OUTPUTS]
    if array.ndim != 1 and array.shape[1:] != (1,):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or "
            f"[batch_size, 1] but got {_debug_shape(array)}"
        )
    if len(array) != batch:
        raise invalid(
            "Input batch size did not match output batch size: "
            f"{batch} vs. {len(array)}"
        )
    if array.dtype != np.float32:
        received = dtype_name(number_of(array.dtype))
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {received}")
    rows = [inference_pb2.Regression(value=value) for value in array.ravel().tolist()]
    return inference_pb2.RegressionResult(regressions=rows)


def _debug_shape(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _spec(name: str, signature: str, servable: Servable) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = servable.version
    return spec
