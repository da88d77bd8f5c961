"""Warm-up requests, which TF Serving sends to itself while it loads a version.

A version whose warm-up fails is not put into service, and the one before it goes
on answering: the best safety that a stock server offers.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf

from keras_attention.export.signatures import COMPILED, DEFAULT

# Below the version directory: where every server looks before it serves, and where
# the embedded one looks afterwards.
_EXTRA = Path("assets.extra")
_BEFORE = _EXTRA / "tf_serving_warmup_requests"
_AFTER = _EXTRA / "warmup_requests_once_served"

_Requests = Iterable[tuple[str, Mapping[str, Any]]]


def messages() -> tuple[ModuleType, ModuleType]:
    """The modules that define requests and records of them.

    Raises:
        ImportError: They are not installed.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError as error:
        raise ImportError(
            "export writes warm-up requests with tensorflow-serving-api, which is "
            'not installed: pip install "keras-attention-seq2seq[tensorflow]"'
        ) from error
    return predict_pb2, prediction_log_pb2


def write(directory: Path, model_name: str, requests: _Requests) -> None:
    """Write warm-up records.

    A first answer takes a server most of a second for each signature, so only the
    default one stands between a start and its end.

    Args:
        directory: Of the version.
        model_name: Put into the requests; the server does not look at it.
        requests: Signature names and inputs by name, arrays `[B]`.
    """
    requests = [item for item in requests if item[0] not in COMPILED]
    default = [item for item in requests if item[0] == DEFAULT]
    _write(directory / _BEFORE, model_name, default)
    rest = [item for item in requests if item[0] != DEFAULT]
    _write(directory / _AFTER, model_name, rest)


def _write(path: Path, model_name: str, requests: _Requests) -> None:
    predict, prediction_log = messages()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            request = predict.PredictRequest()
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log.PredictLog(request=request)
            record = prediction_log.PredictionLog(predict_log=log)
            writer.write(record.SerializeToString(deterministic=True))
