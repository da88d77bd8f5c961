"""Warm-up requests, which TF Serving sends to itself while it loads a version.

A version whose warm-up fails is not put into service, and the one before it goes
on answering: the best safety that a stock server offers.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf

# Where the server looks, below the version directory.
_RECORDS = Path("assets.extra", "tf_serving_warmup_requests")


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


def write(
    directory: Path, model_name: str, requests: Iterable[tuple[str, Mapping[str, Any]]]
) -> None:
    """Write warm-up records.

    Args:
        directory: Of the version.
        model_name: Put into the requests; the server does not look at it.
        requests: Signature names and inputs by name, arrays `[B]`.
    """
    predict, prediction_log = messages()
    path = directory / _RECORDS
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
