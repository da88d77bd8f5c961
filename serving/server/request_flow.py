"""The way of a request: admission, method, record, response; over gRPC and REST alike.

The edges in ``grpc/`` and ``rest/`` read requests off the wire, and write responses and
refusals to it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from serving.messages import remote_calls
from serving.messages.remote_calls import Method
from serving.server.admission import Admission, Caller
from serving.server.methods import (
    classify_regress,
    metadata_and_status,
    predict,
    reload_config,
)
from serving.server.observability.call_record import PREDICTIONS, Observer, describe
from serving.server.observability.stopwatch import Stopwatch
from serving.server.refusal import Refusal, late
from serving.server.versions.model_manager import ModelManager

_LOG = logging.getLogger(__name__)

#: What computes the response to a request within so many milliseconds (0: no limit), or
#: raises Refusal. Predictions need no more of the models than a Finder has.
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
        caller: Caller,
        deadline: float = math.inf,
        read: Callable[[], Any] = lambda: None,
        write: Callable[[Any, Any], Any] = lambda response, form: response,
    ) -> Any:
        """Takes one request to its end.

        Args:
            method: What is asked for.
            request: The message.
            caller: Whoever waits.
            deadline: Point in ``time.monotonic`` at which the graph is stopped.
            read: Fills the message, once the request is admitted; returns its form.
            write: Makes what is returned of the response and that form.

        Raises:
            Refusal: Whatever goes wrong; a fault of the server's own is INTERNAL.
        """
        computes = method.name in PREDICTIONS
        code, response = grpc.StatusCode.OK, None
        start, watch = time.perf_counter(), Stopwatch(self.models)
        admitted = self.admission.admit(caller, deadline) if computes else nullcontext()
        try:
            with admitted:
                start = time.perf_counter()
                timeout_ms = _milliseconds(deadline)
                form = read()
                asked = watch if computes and self.observers else self.models
                response = METHODS[method](asked, request, timeout_ms)
                return write(response, form)
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
