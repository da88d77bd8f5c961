"""Predict, with TF Serving's checks in TF Serving's order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from serving.client.signature_contract import DEFAULT_SIGNATURE
from serving.messages import predict_pb2, signature_pb2
from serving.server.refusal import invalid, precondition
from serving.server.versions.servable import Find
from serving.tensors.decoding import Allowance, decode, shape_of
from serving.tensors.dtypes import TensorError, TensorTooLarge, number_of
from serving.tensors.encoding import encode

#: What the inputs of a request may take in memory; in a message small numbers take an
#: eighth of that.
MAX_TENSOR_BYTES = 512 << 20


def predict(
    find: Find, request: predict_pb2.PredictRequest, timeout_ms: int
) -> predict_pb2.PredictResponse:
    """Answers a PredictRequest."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    servable = find(request.model_spec)
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(name)
    if signature is None:
        raise precondition(f'Serving signature key "{name}" not found.')
    _check_count(signature, request)
    arrays = _input_arrays(signature, request)
    aliases = _output_aliases(signature, request)
    _check_shapes(signature, arrays)
    values = servable.runner.run(
        {signature.inputs[alias].name: array for alias, array in arrays.items()},
        [signature.outputs[alias].name for alias in aliases],
        timeout_ms,
    )
    response = predict_pb2.PredictResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.signature_name = name
    response.model_spec.version.value = servable.version
    for alias, value in zip(aliases, values, strict=True):
        encode(value, into=response.outputs[alias])
    return response


def _check_count(
    signature: signature_pb2.SignatureDef, request: predict_pb2.PredictRequest
) -> None:
    sent, wanted = set(request.inputs), set(signature.inputs)
    too_few = len(sent) < len(wanted) and not signature.defaults
    if len(sent) > len(wanted) or too_few:
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} "
            f"len({{{_join(sent)}}}) != len({{{_join(wanted)}}}). "
            f"Sent extra: {{{_join(sent - wanted)}}}. "
            f"Missing but required: {{{_join(wanted - sent)}}}."
        )


def _input_arrays(
    signature: signature_pb2.SignatureDef, request: predict_pb2.PredictRequest
) -> dict[str, np.ndarray]:
    """Every input of the signature, from the request or the defaults."""
    arrays, allowance = {}, Allowance(MAX_TENSOR_BYTES)
    for alias in sorted(signature.inputs):
        if alias in request.inputs:
            proto = request.inputs[alias]
        elif alias in signature.defaults:
            proto = signature.defaults[alias]
        else:
            raise invalid(
                f"Signature input alias: {alias}(feed name: "
                f"{signature.inputs[alias].name}) not found in request and no default "
                "value provided. Inputs expected to be in the request "
                f"{{{_join(request.inputs)}}}, or default input alias set: "
                f"{_join(signature.defaults)}"
            )
        try:
            arrays[alias] = decode(proto, allowance)
        except TensorTooLarge as error:
            raise invalid(f"tensor parsing error: {alias}: {error}") from error
        except TensorError as error:
            raise invalid(f"tensor parsing error: {alias}") from error
    used = set(arrays) & set(request.inputs)
    if len(used) != len(request.inputs):
        raise invalid(
            f"Inputs contains invalid name. Used request inputs: {_join(used)}, "
            f"request input: {_join(request.inputs)}"
        )
    return arrays


def _output_aliases(
    signature: signature_pb2.SignatureDef, request: predict_pb2.PredictRequest
) -> list[str]:
    wanted = list(request.output_filter)
    for place, alias in enumerate(wanted):
        if alias not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected "
                f"to be in the set {{{_join(signature.outputs)}}}."
            )
        if alias in wanted[:place]:
            raise invalid(f"duplicate output tensor alias: {alias}")
    return wanted or list(signature.outputs)


def _check_shapes(
    signature: signature_pb2.SignatureDef, arrays: dict[str, np.ndarray]
) -> None:
    """Stricter than TF Serving, where a scalar string can end the process.

    A wrong dtype is left to the session, whose message clients know.
    """
    infos = signature.inputs
    if any(number_of(arrays[name].dtype) != infos[name].dtype for name in arrays):
        return
    for name, array in arrays.items():
        expected = shape_of(infos[name].tensor_shape)
        if expected is None or (
            len(expected) == array.ndim
            and all(a in (None, b) for a, b in zip(expected, array.shape, strict=True))
        ):
            continue
        raise invalid(
            f"input `{name}` must have its signature's shape. "
            f"Expected: {_shape(expected)}. Received: {_shape(array.shape)}"
        )


def _shape(shape: Iterable[int | None]) -> str:
    return f"[{','.join('?' if size is None else str(size) for size in shape)}]"


def _join(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
