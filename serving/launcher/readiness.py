"""Whether the models of a ``tensorflow_model_server`` can be asked.

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
from serving.launcher.launch_specification import Orders
from serving.server.addresses import bare, bracketed

_SECONDS = 2.0


def versions(orders: Orders, host: str) -> dict[str, int | None] | None:
    """The version of each model that answers, or None while one does not.

    Asks over REST where that is served, else over gRPC. An encrypted port is only
    connected to, for this process has no certificate: it opens when all models that
    were there at the start are available. Such a version is None.

    Args:
        orders: What the server was told.
        host: Where its ports are reached.
    """
    found: dict[str, int | None] = {}
    for name in orders.models:
        try:
            found[name] = _version(orders, host, name)
        except (OSError, ServingError, http.client.HTTPException, ValueError, KeyError):
            return None
    return found


def _version(orders: Orders, host: str, name: str) -> int | None:
    if orders.rest_port:
        return _over_rest(host, orders.rest_port, name)
    if orders.encrypted:
        with socket.create_connection((bare(host), orders.port), _SECONDS):
            return None
    target = f"{bracketed(host)}:{orders.port}"
    with Client(target, model=name, retry=Retry(attempts=1), timeout=_SECONDS) as asked:
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
