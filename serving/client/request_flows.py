"""Request flows: what is sent for each method of a client, and what is returned."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from serving import errors
from serving.client import prediction_responses as responses
from serving.client import signature_contract as contract
from serving.client.metadata_responses import version_status
from serving.client.model_calls import ModelCalls
from serving.client.text_requests import cast_input, text_input, text_inputs
from serving.client.values import (
    Inputs,
    ModelMetadata,
    Options,
    Prediction,
    ScoredText,
    Texts,
    VersionStatus,
)
from serving.messages import remote_calls as methods
from serving.messages import status_pb2
from serving.tensors.encoding import as_array

_POLL_SECONDS = 0.1


class RequestFlows(ModelCalls):
    """The methods of a client, as coroutines."""

    async def predict(
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
        inputs, until = text_inputs(texts), self._until(timeout)
        plain = options is None
        signature = contract.DEFAULT_SIGNATURE if plain else contract.WITH_OPTIONS
        outputs = await self._run(signature, inputs, until, options)
        return responses.read_predictions(outputs, _rows(inputs))

    async def align(
        self, texts: Inputs, options: Options = None, timeout: float | None = None
    ) -> list[Prediction]:
        """Like :meth:`predict`, with tokens, source offsets and attention weights.

        None uses the signature ``align``, any other options ``align_with_options``.
        """
        inputs, until = text_inputs(texts), self._until(timeout)
        rows = _rows(inputs)
        outputs = await self._run_with(contract.ALIGN, inputs, until, options)
        return responses.read_alignments(outputs, rows)

    async def n_best(
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
        inputs, until = text_inputs(texts), self._until(timeout)
        rows = _rows(inputs)
        outputs = await self._run_with(contract.N_BEST, inputs, until, options)
        return responses.read_n_best(outputs, rows)

    async def score(
        self, texts: Inputs, target_texts: Texts, timeout: float | None = None
    ) -> list[ScoredText]:
        """How probable it is that texts are answered by given targets.

        Args:
            texts: B strings.
            target_texts: B strings.
            timeout: Seconds, instead of the client's.
        """
        inputs, until = text_inputs(texts), self._until(timeout)
        rows, targets = _rows(inputs), text_input(target_texts, "target_texts")
        if rows != len(targets):
            raise ValueError(
                "`target_texts` must be one for each of `texts`. "
                f"Expected: {rows}. Received: {len(targets)}"
            )
        inputs[contract.TARGET_INPUT] = targets
        outputs = await self._run(contract.SCORE, inputs, until)
        return responses.read_scores(outputs, rows)

    async def call(
        self,
        inputs: Mapping[str, Any],
        signature: str = contract.DEFAULT_SIGNATURE,
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
        until = self._until(timeout)
        arrays = {name: as_array(value) for name, value in inputs.items()}
        guessed = [
            name
            for name, value in inputs.items()
            if not isinstance(value, np.ndarray | np.generic)
            and not arrays[name].dtype.hasobject
        ]
        if guessed:
            found = await self._signature(signature, until)
            for name in filter(found.inputs.__contains__, guessed):
                label = f"inputs[{name!r}]"
                arrays[name] = cast_input(label, arrays[name], found, name)
        received = await self._run(signature, arrays, until, outputs=outputs)
        return {name: _decoded(array) for name, array in received.items()}

    async def status(self, timeout: float | None = None) -> list[VersionStatus]:
        """How each version of the model fares, failed ones included."""
        request = status_pb2.GetModelStatusRequest(model_spec=self._spec)
        method, until = methods.GET_MODEL_STATUS, self._until(timeout)
        response = await self._ask(method, request, until)
        return [version_status(item) for item in response.model_version_status]

    async def metadata(self, timeout: float | None = None) -> ModelMetadata:
        """The model's version and signatures."""
        return await self._metadata(self._until(timeout))

    async def wait_until_ready(self, timeout: float | None = None) -> None:
        """Returns as soon as the server is up and the model can be asked.

        Raises:
            DeadlineExceeded: It was not within the timeout; the message says what
                answered last.
            HandshakeFailed: TLS was not agreed on.
        """
        until = self._until(timeout)
        last: errors.ServingError | None = None
        try:
            while True:
                try:
                    # Only a call that does not wait says why nobody answers.
                    await self._metadata(until, wait_for_ready=last is not None)
                    return
                except errors.HandshakeFailed:
                    raise
                except (
                    errors.NotFound,
                    errors.ServerUnavailable,
                    errors.UnexpectedResponse,
                ) as error:
                    last = error
                left = until - time.monotonic()
                if left <= 0:
                    raise errors.DeadlineExceeded(str(last), "DEADLINE_EXCEEDED")
                await self._pause(min(_POLL_SECONDS, left))
        except errors.DeadlineExceeded as error:
            reason = "no server answered" if last is None else str(last)
            raise errors.DeadlineExceeded(
                f"model {self._spec.name} was not ready in time: {reason}", error.code
            ) from error.__cause__


def _rows(inputs: Mapping[str, np.ndarray]) -> int:
    return len(next(iter(inputs.values())))


def _decoded(array: np.ndarray) -> np.ndarray:
    """Bytes as str; what is no UTF-8 survives as surrogate escapes."""
    if not array.dtype.hasobject:
        return array
    texts = np.empty(array.size, object)
    texts[:] = [item.decode("utf-8", "surrogateescape") for item in array.flat]
    return texts.reshape(array.shape)
