"""The asking side of the REST tests: plain HTTP, nothing of ours."""

from __future__ import annotations

import http.client
import json
from typing import NamedTuple


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        """The body, read strictly but for the tokens NaN and Infinity."""
        return json.loads(self.body.decode("utf-8"))


def ask(port: int, method: str, path: str, body=None, headers=(), tls=None) -> Answer:
    """One request on a connection of its own; a body that is no text becomes JSON."""
    if body is not None and not isinstance(body, bytes | str):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode("utf-8")
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    else:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=20, context=tls
        )
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def asks(port: int):
    """A function that asks models to predict: status and JSON."""

    def call(model, body, choice="", verb="predict"):
        path = f"/v1/models/{model}{choice}:{verb}"
        answer = ask(port, "POST", path, body)
        assert answer.headers["content-type"].startswith("application/json")
        return answer.status, answer.json()

    return call
