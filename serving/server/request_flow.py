"""The way of a request: admission, method, record, response; over gRPC and REST alike.

The edges in ``grpc/`` and ``rest/`` read requests off the wire, and write responses and
refusals to it.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from serving.messages import model_pb2, remote_calls
from serving.messages.remote_calls import Method
from serving.server.admission import Admission
from serving.server.methods import (
    classify_regress,
    metadata_and_status,
    predict,
    reload_config,
)
from serving.server.observability.call_record import PREDICTIONS, Observer, describe
from serving.server.refusal import Refusal, late
from serving.server.versions.model_manager import ModelManager
from serving.server.versions.servable import Arrays, Feeds, Find, Runner, Servable

_LOG = logging.getLogger(__name__)

#: What computes the response to a request within so many milliseconds (0: no limit), or
#: raises Refusal. Predictions take what finds a servable, the others the manager.
METHODS: dict[Method, Callable[[Any, Any, int], Any]] = {
    remote_calls.PREDICT: predict.predict,
    remote_calls.CLASSIFY: classify_regress.classify,
    remote_calls.REGRESS: classify_regress.regress,
    remote_calls.MULTI_INFERENCE: classify_regress.multi_inference,
    remote_calls.GET_MODEL_METADATA: metadata_and_status.get_model_metadata,
    remote_calls.GET_MODEL_STATUS: metadata_and_status.get_model_status,
    remote_calls.HANDLE_RELOAD_CONFIG: reload_config.handle_reload_config,
}


@dataclass(frozen=True)
class RequestFlow:
    """Takes requests to their methods, over one ``entrypoint`` (``GRPC``, ``REST``).

    Observers are told of each of them.
    """

    entrypoint: str
    models: ModelManager
    admission: Admission
    observers: Sequence[Observer] = ()

    def run(
        self,
        method: Method,
        request: Message,
        caller: grpc.ServicerContext | None,
        deadline: float = math.inf,
        read: Callable[[], Callable[[Any], Any]] = lambda: lambda response: response,
    ) -> Any:
        """Takes one request to its end.

        Args:
            method: What is asked for.
            request: The message.
            caller: Whoever waits; None if the edge has admitted the request.
            deadline: Point in ``time.monotonic`` at which the graph is stopped.
            read: Fills the message, once the request is admitted; returns what makes
                the value returned of the response.

        Raises:
            Refusal: Whatever goes wrong; a fault of the server's own is INTERNAL.
        """
        computes = method.name in PREDICTIONS
        code, response = grpc.StatusCode.OK, None
        start, watch = time.perf_counter(), _Stopwatch(self.models.find)
        admitted: AbstractContextManager[None] = nullcontext()
        if computes and caller is not None:
            admitted = self.admission.admit(caller, deadline)
        try:
            with admitted:
                start = time.perf_counter()
                timeout_ms = _milliseconds(deadline)
                write = read()
                asked: Any = self.models
                if computes:
                    asked = watch.find if self.observers else asked.find
                response = METHODS[method](asked, request, timeout_ms)
                return write(response)
        except Refusal as refusal:
            code = refusal.code
            raise
        except Exception as error:
            _LOG.exception("a request failed in the server itself")
            code = grpc.StatusCode.INTERNAL
            raise Refusal(code, repr(error)) from error
        finally:
            seconds = time.perf_counter() - start
            self._record(method, request, response, code, seconds, watch.seconds)

    def refuse(self, method: Method, request: Message, refusal: Refusal) -> None:
        """Records a request that is refused before it could be read."""
        self._record(method, request, None, refusal.code)

    def _record(
        self,
        method: Method,
        request: Message,
        response: Message | None,
        code: grpc.StatusCode,
        seconds: float = 0.0,
        graph: float = 0.0,
    ) -> None:
        if self.observers:
            name, entrypoint, spent = method.name, self.entrypoint, (seconds, graph)
            record = describe(name, entrypoint, request, response, code, *spent)
            for observe in self.observers:
                observe(record)


def _milliseconds(deadline: float) -> int:
    if deadline == math.inf:
        return 0
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise late()  # it waited until its time was over
    return max(1, int(remaining * 1000))


class _Stopwatch:
    """Finds what another finds, and takes the seconds of its graph.

    For one call; with batching the time in the queue counts, as in TF Serving.
    """

    def __init__(self, find: Find):
        self._find = find
        self._runner: Runner
        self.seconds = 0.0

    def find(self, spec: model_pb2.ModelSpec) -> Servable:
        """The servable that a request means; raises Refusal."""
        servable = self._find(spec)
        self._runner = servable.runner
        return dataclasses.replace(servable, runner=self)

    def run(self, feeds: Feeds, fetches: Sequence[str], timeout_ms: int = 0) -> Arrays:
        """See :meth:`SavedModelSession.run`."""
        start = time.perf_counter()
        try:
            return self._runner.run(feeds, fetches, timeout_ms)
        finally:
            self.seconds += time.perf_counter() - start
