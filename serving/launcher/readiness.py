"""Readiness of a ``tensorflow_model_server``: whether its models can be asked.

The URL of a model's state answers 200 for a version that failed; metadata needs one
that is available.
"""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import quote

from serving.client.client import Client
from serving.client.connection import Retry
from serving.errors import ServingError
from serving.launcher.launch_specification import LaunchSpecification
from serving.server.addresses import bare, bracketed

_SECONDS = 2.0
_ONCE = Retry(attempts=1)
# It runs on this machine, at whatever address: no proxy is in between.
_DIRECTLY = ("grpc.enable_http_proxy", 0)


def versions(launch: LaunchSpecification, host: str) -> dict[str, int | None] | None:
    """The version of each model that answers, or None while one does not.

    Asks over REST where that is served, else over gRPC. An encrypted port is only
    connected to, for this process has no certificate: it opens when all models that
    were there at the start are available. Such a version is None.

    Args:
        launch: What the server was told.
        host: Where its ports are reached.
    """
    found: dict[str, int | None] = {}
    for name in launch.models:
        try:
            found[name] = _version(launch, host, name)
        except (OSError, ServingError, http.client.HTTPException, ValueError, KeyError):
            return None
    return found


def _version(launch: LaunchSpecification, host: str, name: str) -> int | None:
    if launch.rest_port:
        return _over_rest(host, launch.rest_port, name)
    if launch.encrypted:
        with socket.create_connection((bare(host), launch.port), _SECONDS):
            return None
    target = f"{bracketed(host)}:{launch.port}"
    with Client(
        target, model=name, timeout=_SECONDS, retry=_ONCE, options=[_DIRECTLY]
    ) as asked:
        return asked.metadata().version


def _over_rest(host: str, port: int, name: str) -> int:
    connection = http.client.HTTPConnection(bare(host), port, timeout=_SECONDS)
    try:
        connection.request("GET", f"/v1/models/{quote(name, safe='')}/metadata")
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        return int(json.loads(body)["model_spec"]["version"])
    finally:
        connection.close()
