"""Classify, Regress and MultiInference: the calls that take ``tf.Example``.

Which signature can be called is decided by its shape, as TF Serving does by default:
one input ``inputs``, and ``classes`` and/or ``scores``, or ``outputs``.
"""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import numpy as np

from serving.messages import inference_pb2, model_pb2, signature_pb2, tensor_pb2
from serving.server.methods.predict import DEFAULT_SIGNATURE
from serving.server.refusal import Refusal, invalid
from serving.server.versions.servable import Finder, Servable
from serving.tensors.dtypes import dtype_name, number_of

_INPUTS, _CLASSES, _SCORES, _OUTPUTS = "inputs", "classes", "scores", "outputs"
_CLASSIFY = "tensorflow/serving/classify"
_REGRESS = "tensorflow/serving/regress"


def classify(
    models: Finder, request: inference_pb2.ClassificationRequest, timeout_ms: int
) -> inference_pb2.ClassificationResponse:
    """Answers a ClassificationRequest.

    Raises:
        Refusal: With TF Serving's code and message.
    """
    servable, name, signature = _find(models, request)
    fetched = _classify_outputs(signature)
    examples = _examples(request.input)
    values = _run(servable, {name: fetched}, examples, timeout_ms)[name]
    response = inference_pb2.ClassificationResponse()
    response.model_spec.CopyFrom(_spec(request.model_spec.name, name, servable))
    response.result.CopyFrom(_classification(values, len(examples)))
    return response


def regress(
    models: Finder, request: inference_pb2.RegressionRequest, timeout_ms: int
) -> inference_pb2.RegressionResponse:
    """Answers a RegressionRequest.

    Raises:
        Refusal: With TF Serving's code and message.
    """
    servable, name, signature = _find(models, request)
    fetched = _regress_outputs(signature)
    examples = _examples(request.input)
    values = _run(servable, {name: fetched}, examples, timeout_ms)[name]
    response = inference_pb2.RegressionResponse()
    response.model_spec.CopyFrom(_spec(request.model_spec.name, name, servable))
    response.result.CopyFrom(_regression(values[_OUTPUTS], len(examples)))
    return response


def multi_inference(
    models: Finder, request: inference_pb2.MultiInferenceRequest, timeout_ms: int
) -> inference_pb2.MultiInferenceResponse:
    """Answers a MultiInferenceRequest: several signatures, the same examples.

    Raises:
        Refusal: With TF Serving's code and message.
    """
    first = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
    servable = models.find(first)
    tasks: dict[str, tuple[str, list[str]]] = {}
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
        if name in tasks:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        if name not in servable.signatures:
            raise invalid(f"Requested signature not found in model graph: {name}")
        if task.method_name == _CLASSIFY:
            outputs = _classify_outputs(servable.signatures[name])
        elif task.method_name == _REGRESS:
            outputs = _regress_outputs(servable.signatures[name])
        else:
            raise Refusal(
                grpc.StatusCode.UNIMPLEMENTED,
                f"Unsupported signature method_name: {task.method_name}",
            )
        tasks[name] = (task.method_name, outputs)
    examples = _examples(request.input)
    wanted = {name: outputs for name, (_, outputs) in tasks.items()}
    found = _run(servable, wanted, examples, timeout_ms)
    response = inference_pb2.MultiInferenceResponse()
    for name, (method, _) in tasks.items():
        values = found[name]
        result = response.results.add()
        result.model_spec.CopyFrom(_spec(first.name, name, servable))
        if method == _CLASSIFY:
            classified = _classification(values, len(examples))
            result.classification_result.CopyFrom(classified)
        else:
            regressed = _regression(values[_OUTPUTS], len(examples))
            result.regression_result.CopyFrom(regressed)
    return response


def _find(
    models: Finder,
    request: inference_pb2.ClassificationRequest | inference_pb2.RegressionRequest,
) -> tuple[Servable, str, signature_pb2.SignatureDef]:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    servable = models.find(request.model_spec)
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        raise invalid(f"No signature was found with the name: {name}")
    return servable, name, servable.signatures[name]


def _classify_outputs(signature: signature_pb2.SignatureDef) -> list[str]:
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid(
            f"Expected one or two output Tensors, found {len(signature.outputs)}"
        )
    if _INPUTS not in signature.inputs:
        raise invalid(f"No classification inputs found in SignatureDef: {signature}")
    found = [name for name in (_CLASSES, _SCORES) if name in signature.outputs]
    if not found:
        raise invalid(
            "Expected classification signature outputs to contain at least one of "
            f'"{_CLASSES}" or "{_SCORES}". Signature was: {signature}'
        )
    return found


def _regress_outputs(signature: signature_pb2.SignatureDef) -> list[str]:
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if _INPUTS not in signature.inputs:
        raise invalid(f"No regression inputs found in SignatureDef: {signature}")
    if _OUTPUTS not in signature.outputs:
        raise invalid(f"No regression outputs found in SignatureDef: {signature}")
    return [_OUTPUTS]


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
    feeds = {
        signature.inputs[_INPUTS].name: examples for signature in signatures.values()
    }
    places = {
        name: {output: signatures[name].outputs[output].name for output in outputs}
        for name, outputs in wanted.items()
    }
    fetches = sorted({tensor for found in places.values() for tensor in found.values()})
    values = servable.runner.run(feeds, fetches, timeout_ms)
    by_tensor = dict(zip(fetches, values, strict=True))
    return {
        name: {output: by_tensor[tensor] for output, tensor in found.items()}
        for name, found in places.items()
    }


def _classification(
    values: dict[str, np.ndarray], batch: int
) -> inference_pb2.ClassificationResult:
    expected = {_CLASSES: tensor_pb2.DT_STRING, _SCORES: tensor_pb2.DT_FLOAT}
    for name, number in expected.items():
        array = values.get(name)
        if array is None:
            continue
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
    result = inference_pb2.ClassificationResult()
    for row in range(batch):
        classes = result.classifications.add().classes
        for column in range(widths[0]):
            item = classes.add()
            if _CLASSES in values:
                item.label = values[_CLASSES][row, column].decode("utf-8", "replace")
            if _SCORES in values:
                item.score = float(values[_SCORES][row, column])
    return result


def _regression(array: np.ndarray, batch: int) -> inference_pb2.RegressionResult:
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
    result = inference_pb2.RegressionResult()
    for value in array.ravel().tolist():
        result.regressions.add().value = value
    return result


def _debug_shape(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _spec(name: str, signature: str, servable: Servable) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = servable.version
    return spec
