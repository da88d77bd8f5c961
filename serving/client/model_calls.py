"""Calls about one model: what both clients need below their methods."""

from __future__ import annotations

import functools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import grpc
import numpy as np

from serving import errors
from serving.client.certificates import Certificates
from serving.client.connection import MAX_MESSAGE_BYTES, Connection, Keepalive, Retry
from serving.client.metadata_responses import model_metadata
from serving.client.signature_contract import with_options
from serving.client.text_requests import option_inputs
from serving.client.values import ModelMetadata, Options, Signature
from serving.messages import metadata_pb2, model_pb2, predict_pb2
from serving.messages import remote_calls as methods
from serving.tensors.decoding import decode
from serving.tensors.dtypes import TensorError
from serving.tensors.encoding import encode


class ModelCalls(ABC):
    """Calls about one model, with the connection that they use.

    They are coroutines that wait for two things only, a response and time to pass; each
    client says how. The blocking one waits inside, so that none is suspended.

    Signatures are asked for once, when first needed, and again after a request was
    refused: another version may take other inputs. Arguments are those of
    :class:`serving.Client`.
    """

    #: The module ``grpc`` or ``grpc.aio``, whose functions have the same names.
    _api: ClassVar[Any]

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
        if not model:
            raise ValueError("`model` must be a name. Expected: text. Received: ''")
        if version is not None and label is not None:
            raise ValueError(
                "`version` and `label` exclude each other. Expected: one of them. "
                f"Received: version={version}, label={label!r}"
            )
        self._spec = model_pb2.ModelSpec(name=model, version_label=label)
        if version is not None:
            self._spec.version.value = version
        self._signatures: Mapping[str, Signature] | None = None
        self._target, self._timeout = target, timeout
        connection = Connection(
            target,
            retry=retry or Retry(),
            keepalive=keepalive,
            compression=compression,
            max_message_bytes=max_message_bytes,
            credentials=credentials,
            options=tuple(options),
        )
        self._proxy = connection.proxy
        channel = self._channel = connection.open(self._api)
        # To be kept, since each one is registered anew.
        self._stub = functools.cache(lambda method: method.on(channel))

    @abstractmethod
    async def _received(self, response: Any) -> Any:
        """What a call of gRPC's returned, once it is there."""

    @abstractmethod
    async def _pause(self, seconds: float) -> None:
        """Lets time pass."""

    def _until(self, timeout: float | None) -> float:
        """When a flow has to end, on the clock of ``time.monotonic``."""
        seconds = self._timeout if timeout is None else timeout
        return math.inf if seconds is None else time.monotonic() + seconds

    async def _ask(
        self,
        method: methods.Method,
        request: Any,
        until: float,
        wait_for_ready: bool = False,
    ) -> Any:
        left = None if until == math.inf else until - time.monotonic()
        call = self._stub(method)
        try:
            response = call(request, timeout=left, wait_for_ready=wait_for_ready)
            return await self._received(response)
        except grpc.RpcError as error:
            raise errors.from_rpc(error, self._target, self._proxy) from error

    async def _metadata(
        self, until: float, wait_for_ready: bool = False
    ) -> ModelMetadata:
        request = metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec, metadata_field=["signature_def"]
        )
        method = methods.GET_MODEL_METADATA
        metadata = model_metadata(
            await self._ask(method, request, until, wait_for_ready)
        )
        self._signatures = metadata.signatures
        return metadata

    async def _known(self, until: float) -> Mapping[str, Signature]:
        if self._signatures is None:
            return (await self._metadata(until)).signatures
        return self._signatures

    async def _signature(self, name: str, until: float) -> Signature:
        signatures = await self._known(until)
        if name not in signatures:
            self._signatures = None
            raise errors.SignatureNotFound(
                f"model {self._spec.name} has no signature {name!r}. "
                f"Expected: any of {sorted(signatures)}. Received: {name!r}"
            )
        return signatures[name]

    async def _run_with(
        self,
        name: str,
        inputs: dict[str, np.ndarray],
        until: float,
        options: Options,
    ) -> dict[str, np.ndarray]:
        """Runs a signature, or the one beside it that takes options."""
        if options is not None:
            name = with_options(name, await self._known(until))
        # One that takes options as well, of an older export, is sent their defaults.
        return await self._run(name, inputs, until, options or {})

    async def _run(
        self,
        signature: str,
        inputs: dict[str, np.ndarray],
        until: float,
        options: Options = None,
        outputs: Iterable[str] = (),
    ) -> dict[str, np.ndarray]:
        left_out: list[str] = []
        if options is not None:
            found = await self._signature(signature, until)
            inputs |= option_inputs(options, found, inputs)
            left_out = sorted(found.inputs.keys() - inputs.keys())
        request = predict_pb2.PredictRequest(
            model_spec=self._spec, output_filter=outputs
        )
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            encode(array, into=request.inputs[name])
        try:
            response = await self._ask(methods.PREDICT, request, until)
        except (errors.InvalidRequest, errors.SignatureNotFound) as error:
            self._signatures = None
            if not left_out:
                raise
            raise type(error)(
                f"{error}. Not sent, since the server tells no defaults: "
                f"{', '.join(left_out)}",
                error.code,
            ) from error.__cause__
        try:
            # The server computed these: the size of the message bounds them.
            return {name: decode(proto) for name, proto in response.outputs.items()}
        except TensorError as error:
            raise errors.UnexpectedResponse(
                f"an output cannot be read: {error}"
            ) from error
