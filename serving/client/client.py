"""The blocking client."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

import grpc

from serving.client.model_calls import ModelCalls
from serving.client.request_flows import RequestFlows

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    flow: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """A method that returns what a flow does, which never stops on its way."""

    @functools.wraps(flow)
    def method(self: Any, *arguments: P.args, **named: P.kwargs) -> T:
        try:
            flow(self, *arguments, **named).send(None)
        except StopIteration as end:
            return end.value
        raise RuntimeError("a blocking flow must not be suspended")

    # Or it would pass for a coroutine.
    del method.__wrapped__
    method.__signature__ = inspect.signature(flow)  # type: ignore[attr-defined]
    return method


class Client(ModelCalls):
    """Asks one model on a TensorFlow Serving server, without TensorFlow.

    Safe to share between threads; close it, or use it in a ``with`` statement.

    Args:
        target: ``host:port``, or any name that gRPC resolves. With a scheme, such as
            ``dns:///name:port``, calls are spread over all its addresses in turn.
        model: Name of the model on the server.
        version: Version to ask, or None for the newest.
        label: Version label to ask, such as ``"canary"``, instead of a version.
        timeout: Seconds for each method below, retries included; None waits for ever.
        retry: When unavailable servers are tried again.
        keepalive: Pings that find dead connections; none by default.
        compression: ``"gzip"`` or ``"deflate"`` for requests; None without.
        max_message_bytes: Limit for messages in both directions.
        credentials: For TLS, as :class:`serving.Certificates` or as what gRPC makes of
            them; None connects in the clear.
        options: Further gRPC channel arguments as (name, value).

    ::

        with serving.Client("127.0.0.1:8500", model="pronounce") as client:
            for prediction in client.predict(["hello", "world"]):
                print(prediction.text, prediction.log_prob)
    """

    _api = grpc

    predict = _blocking(RequestFlows.predict)
    align = _blocking(RequestFlows.align)
    n_best = _blocking(RequestFlows.n_best)
    score = _blocking(RequestFlows.score)
    call = _blocking(RequestFlows.call)
    status = _blocking(RequestFlows.status)
    metadata = _blocking(RequestFlows.metadata)
    wait_until_ready = _blocking(RequestFlows.wait_until_ready)

    def close(self) -> None:
        """Closes the connection; calls in flight are cancelled."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def _received(self, response: Any) -> Any:
        return response

    async def _pause(self, seconds: float) -> None:
        time.sleep(seconds)
