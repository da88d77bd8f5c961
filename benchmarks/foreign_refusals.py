"""Requests that are refused, sent by grpcurl and by our own client.

The numbers are those of the table in `docs/serving.md`.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
from google.protobuf import json_format

from serving.messages import predict_pb2, remote_calls, tensor_pb2

_GRPCURL = 64  # its exit status is this and the number of the code
_SAID = re.compile(r"^ +Message: (.*)$", re.MULTILINE)


def refusals(model: str) -> dict[str, tuple[predict_pb2.PredictRequest, str]]:
    """Requests for a model with one input of strings, and the code of each."""
    return {
        "1": (predict_pb2.PredictRequest(), "INVALID_ARGUMENT"),
        "4": (_asking("nope"), "NOT_FOUND"),
        "6": (_asking(model, signature="nope"), "FAILED_PRECONDITION"),
        "7": (_asking(model), "INVALID_ARGUMENT"),
        "13": (_asking(model, text=_number()), "INVALID_ARGUMENT"),
    }


def check_refusals(grpcurl: Path, target: str, model: str) -> Iterator[str]:
    """Sends each of them both ways; yields what was refused alike.

    Raises:
        SystemExit: Code or message differ, or the code is not that of the table.
    """
    with grpc.insecure_channel(target) as channel:
        predict = remote_calls.PREDICT.on(channel)
        for row, (request, code) in refusals(model).items():
            ours, theirs = _ask(predict, request), _curl(grpcurl, target, request)
            if ours != theirs or ours[0] != code:
                raise SystemExit(f"refusal {row}: {code}, {theirs} and {ours}")
            yield f"refusal {row} ({code})"


def _asking(
    model: str, signature: str = "", **inputs: tensor_pb2.TensorProto
) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tensor)
    return request


def _number() -> tensor_pb2.TensorProto:
    tensor = tensor_pb2.TensorProto(dtype=tensor_pb2.DT_FLOAT, float_val=[1.0])
    tensor.tensor_shape.dim.add(size=1)
    return tensor


def _ask(
    predict: grpc.UnaryUnaryMultiCallable, request: predict_pb2.PredictRequest
) -> tuple[str, str]:
    try:
        predict(request, timeout=30)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", ""


def _curl(
    grpcurl: Path, target: str, request: predict_pb2.PredictRequest
) -> tuple[str, str]:
    written = json_format.MessageToJson(request, preserving_proto_field_name=True)
    place = f"{remote_calls.PREDICT.service}/{remote_calls.PREDICT.name}"
    done = subprocess.run(
        [grpcurl, "-plaintext", "-max-time", "30", "-d", written, target, place],
        capture_output=True,
        text=True,
    )
    names = {_GRPCURL + code.value[0]: code.name for code in grpc.StatusCode}
    said = _SAID.search(done.stderr)
    if done.returncode not in names or said is None:
        raise SystemExit(f"grpcurl {written}: {done.returncode}: {done.stderr}")
    return names[done.returncode], said[1]
