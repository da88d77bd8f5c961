"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import grpc
import numpy as np

from serving.client.certificates import Certificates
from serving.client.connection import MAX_MESSAGE_BYTES, Keepalive, Retry
from serving.client.request_flows import RequestFlows
from serving.client.signature_contract import DEFAULT_SIGNATURE
from serving.client.values import (
    Inputs,
    ModelMetadata,
    Options,
    Prediction,
    ScoredText,
    Texts,
    VersionStatus,
)

T = TypeVar("T")


class Client:
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

    def __init__(
        self,
        target: str,
        *,
        model: str,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = 30.0,
        retry: Retry | None = None,
        keepalive: Keepalive | None = None,
        compression: str | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        credentials: grpc.ChannelCredentials | Certificates | None = None,
        options: Iterable[tuple[str, Any]] = (),
    ):
        self._flows = _BlockingFlows(
            target,
            model=model,
            version=version,
            label=label,
            timeout=timeout,
            retry=retry,
            keepalive=keepalive,
            compression=compression,
            max_message_bytes=max_message_bytes,
            credentials=credentials,
            options=options,
        )

    def predict(
        self, texts: Inputs, options: Options = None, timeout: float | None = None
    ) -> list[Prediction]:
        """The model's answer to each text.

        Args:
            texts: B strings; ``bytes`` are sent as they are. Of a model of several
                inputs a dict of B strings for each.
            options: Option name to one value for all texts, or to B values. Options
                left out take the exported defaults. Lists of tokens are strings with
                spaces between the tokens. None uses the signature
                ``serving_default``, anything else ``predict_with_options``.
            timeout: Seconds, instead of the client's.

        Returns:
            B predictions with ``text`` and ``log_prob``.

        Raises:
            ServingError: See :mod:`serving.errors`.
            TypeError: ``texts`` is a single string or holds something else.
            ValueError: An option does not exist or does not fit.
        """
        return _finish(self._flows.predict(texts, options, timeout))

    def align(
        self, texts: Inputs, options: Options = None, timeout: float | None = None
    ) -> list[Prediction]:
        """Like :meth:`predict`, with tokens, source offsets and attention weights.

        None uses the signature ``align``, any other options ``align_with_options``.
        """
        return _finish(self._flows.align(texts, options, timeout))

    def n_best(
        self, texts: Inputs, options: Options = None, timeout: float | None = None
    ) -> list[list[Prediction]]:
        """Several answers to each text, best first.

        Args:
            texts: B strings.
            options: As for :meth:`predict`, and ``alternatives``; by default as many
                answers, of as large a beam, as the export allows. None uses the
                signature ``n_best``, anything else ``n_best_with_options``.
            timeout: Seconds, instead of the client's.

        Returns:
            B lists of predictions with ``text`` and ``log_prob``.
        """
        return _finish(self._flows.n_best(texts, options, timeout))

    def score(
        self, texts: Inputs, target_texts: Texts, timeout: float | None = None
    ) -> list[ScoredText]:
        """How probable it is that texts are answered by given targets.

        Args:
            texts: B strings.
            target_texts: B strings.
            timeout: Seconds, instead of the client's.
        """
        return _finish(self._flows.score(texts, target_texts, timeout))

    def call(
        self,
        inputs: Mapping[str, Any],
        signature: str = DEFAULT_SIGNATURE,
        outputs: Iterable[str] = (),
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Calls any signature of any TensorFlow Serving model.

        Args:
            inputs: Name to array, or to nested lists, which take the dtype that the
                signature wants; strings as ``str`` or ``bytes``.
            signature: Its name.
            outputs: Names of the outputs to compute; all by default.
            timeout: Seconds, instead of the client's.

        Returns:
            Output name to array. Strings are ``str`` in arrays of dtype ``object``;
            ``item.encode("utf-8", "surrogateescape")`` gives the bytes as sent.

        Raises:
            ServingError: See :mod:`serving.errors`.
            ValueError: A value cannot be sent, or not as the signature's dtype.
        """
        return _finish(self._flows.call(inputs, signature, outputs, timeout))

    def status(self, timeout: float | None = None) -> list[VersionStatus]:
        """How each version of the model fares, failed ones included."""
        return _finish(self._flows.status(timeout))

    def metadata(self, timeout: float | None = None) -> ModelMetadata:
        """The model's version and signatures."""
        return _finish(self._flows.metadata(timeout))

    def wait_until_ready(self, timeout: float | None = None) -> None:
        """Returns as soon as the server is up and the model can be asked.

        Raises:
            DeadlineExceeded: It was not within the timeout; the message says what
                answered last.
            HandshakeFailed: TLS was not agreed on.
        """
        _finish(self._flows.wait_until_ready(timeout))

    def close(self) -> None:
        """Closes the connection; calls in flight are cancelled."""
        self._flows.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _BlockingFlows(RequestFlows):
    """Flows that wait where they are."""

    _api = grpc

    async def _received(self, response: Any) -> Any:
        return response

    async def _pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        self._channel.close()


def _finish(flow: Coroutine[Any, Any, T]) -> T:
    """What a flow that never stops on its way returns."""
    try:
        flow.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a blocking flow must not be suspended")
