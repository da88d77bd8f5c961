"""Warm-up: requests that a model brings along, answered before it serves or after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from serving.messages import prediction_log_pb2
from serving.server.methods import classify_regress, predict
from serving.server.refusal import Refusal, invalid
from serving.server.versions.servable import Find, Servable

#: Where a SavedModel keeps them: TF Serving's, and those that can wait.
REQUESTS = Path("assets.extra", "tf_serving_warmup_requests")
ONCE_SERVED = Path("assets.extra", "warmup_requests_once_served")
_MOST = 1000


def warm_up(servable: Servable, path: Path, iterations: int = 1) -> None:
    """Answers the requests that a model has to answer first, each so many times.

    Raises:
        Refusal: One of them fails, or the file is broken.
    """
    for log in logs(path / REQUESTS):
        replay(servable, log, iterations)


def logs(file: Path) -> Iterator[prediction_log_pb2.PredictionLog]:
    """The requests of a file, which need not be there; Refusal if it is broken."""
    if not file.exists():
        return
    # It needs google-crc32c, which is asked for by name when a server starts.
    from serving.server.versions.tfrecord import records

    try:
        for count, record in enumerate(records(file), 1):
            try:
                yield prediction_log_pb2.PredictionLog.FromString(record)
            except DecodeError as error:
                said = f"Failed to parse warmup record: {record[:64]!r} from {file}"
                raise invalid(said) from error
            # As late as in TF Serving: what is too much has been answered.
            if count > _MOST:
                raise invalid(
                    f"Number of warmup records exceeds the maximum ({_MOST}) at {file}"
                )
    except Refusal as refusal:
        if refusal.code is not grpc.StatusCode.DATA_LOSS:
            raise
        raise Refusal(
            refusal.code,
            f"{refusal.message}. Please verify your warmup data is in TFRecord format.",
        ) from refusal


_METHODS: dict[str, Callable[[Find, Any, int], object]] = {
    "predict_log": predict.predict,
    "classify_log": classify_regress.classify,
    "regress_log": classify_regress.regress,
    "multi_inference_log": classify_regress.multi_inference,
}


def replay(
    servable: Servable, log: prediction_log_pb2.PredictionLog, iterations: int = 1
) -> None:
    """Answers one request so many times; Refusal if it fails."""
    kind = log.WhichOneof("log_type")
    if kind is None:
        return
    if kind not in _METHODS:
        number = log.DESCRIPTOR.fields_by_name[kind].number
        raise Refusal(
            grpc.StatusCode.UNIMPLEMENTED, f"Unsupported log_type for warmup: {number}"
        )
    request = getattr(log, kind).request
    for asked in getattr(request, "tasks", [request]):
        asked.model_spec.name = servable.name
    # A record is for whoever brings it.
    for _ in range(iterations):
        _METHODS[kind](lambda spec: servable, request, 0)
