"""Configuration files of TF Serving, written.

The wheel ``tensorflow-serving-api`` has the messages for models only, so these are
written with our own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from google.protobuf import json_format, text_format

from serving.messages import (
    batching_pb2,
    config_pb2,
    monitoring_config_pb2,
    ssl_config_pb2,
)


def models(base_paths: Mapping[str, str]) -> str:
    """A ``ModelServerConfig`` with the latest version of each model.

    >>> print(models({"dates": "/models/dates"}), end="")
    model_config_list {
      config {
        name: "dates"
        base_path: "/models/dates"
        model_platform: "tensorflow"
      }
    }
    """
    message = config_pb2.ModelServerConfig()
    for name, path in base_paths.items():
        message.model_config_list.config.add(
            name=name, base_path=path, model_platform="tensorflow"
        )
    return text_format.MessageToString(message)


def batching(parameters: Mapping[str, str]) -> str:
    """``BatchingParameters`` from names and what was written after them.

    Raises:
        ValueError: A name or a value is none of theirs.

    >>> print(batching({"max_batch_size": "8", "allowed_batch_sizes": "4,8"}), end="")
    max_batch_size {
      value: 8
    }
    allowed_batch_sizes: 4
    allowed_batch_sizes: 8
    """
    fields = batching_pb2.BatchingParameters.DESCRIPTOR.fields_by_name
    message = batching_pb2.BatchingParameters()
    for name, text in parameters.items():
        if name not in fields:
            raise ValueError(
                "--batching_parameter must be one of TF Serving's. "
                f"Expected: any of {sorted(fields)}. Received: {name!r}"
            )
        try:
            json_format.ParseDict({name: _value(name, text)}, message)
        except (ValueError, json_format.ParseError):
            raise ValueError(
                f"--batching_parameter: {name} cannot be {text!r}"
            ) from None
    return text_format.MessageToString(message)


def monitoring() -> str:
    """A ``MonitoringConfig`` with metrics at TF Serving's usual path."""
    message = monitoring_config_pb2.MonitoringConfig()
    message.prometheus_config.enable = True
    return text_format.MessageToString(message)


def tls(key: str, certificate: str, client_authority: str) -> str:
    """An ``SSLConfig``; with an authority, clients need its certificates.

    Args:
        key: PEM text, as the others.
        certificate: That of the server, then those that lead to its authority.
        client_authority: Signs the certificates of clients; may be empty.
    """
    message = ssl_config_pb2.SSLConfig(server_key=key, server_cert=certificate)
    if client_authority:
        message.custom_ca = client_authority
        message.client_verify = True
    return text_format.MessageToString(message)


def _value(name: str, text: str) -> object:
    if name == "allowed_batch_sizes":
        return [int(word) for word in text.split(",")]
    if name == "thread_pool_name":
        return text
    return json.loads(text)
