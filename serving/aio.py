"""The asyncio client: the dialogues of the blocking one, awaited."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar

import grpc
import numpy as np

from serving.client.certificates import Certificates
from serving.client.client import check_time
from serving.client.connection import MAX_MESSAGE_BYTES, Connection, Keepalive, Retry
from serving.client.request_flows import (
    DEFAULT_SIGNATURE,
    Call,
    Dialogue,
    ModelDialogues,
    Pause,
)
from serving.client.values import ModelMetadata, Prediction, ScoredText, VersionStatus
from serving.errors import ServingError, from_rpc

T = TypeVar("T")


class Client:
    """:class:`serving.Client` for asyncio: same arguments, same methods, awaited.

    Make it inside a running event loop.

    ::

        async with serving.aio.Client("127.0.0.1:8500", model="pronounce") as client:
            predictions = await client.predict(["hello", "world"])
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
        self._dialogues = ModelDialogues(model, version, label)
        self._target = target
        self._timeout = timeout
        connection = Connection(
            target,
            retry=retry or Retry(),
            keepalive=keepalive,
            compression=compression,
            max_message_bytes=max_message_bytes,
            credentials=credentials,
            options=tuple(options),
        )
        channel = self._channel = connection.open(grpc.aio)
        self._calls = functools.cache(lambda method: method.on(channel))

    async def predict(
        self,
        texts: Iterable[str | bytes],
        options: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> list[Prediction]:
        """See :meth:`serving.Client.predict`."""
        return await self._drive(self._dialogues.predict(texts, options), timeout)

    async def align(
        self,
        texts: Iterable[str | bytes],
        options: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> list[Prediction]:
        """See :meth:`serving.Client.align`."""
        return await self._drive(self._dialogues.align(texts, options), timeout)

    async def n_best(
        self,
        texts: Iterable[str | bytes],
        options: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> list[list[Prediction]]:
        """See :meth:`serving.Client.n_best`."""
        return await self._drive(self._dialogues.n_best(texts, options), timeout)

    async def score(
        self,
        texts: Iterable[str | bytes],
        target_texts: Iterable[str | bytes],
        timeout: float | None = None,
    ) -> list[ScoredText]:
        """See :meth:`serving.Client.score`."""
        dialogue = self._dialogues.score(texts, target_texts)
        return await self._drive(dialogue, timeout)

    async def call(
        self,
        inputs: Mapping[str, Any],
        signature: str = DEFAULT_SIGNATURE,
        outputs: Iterable[str] = (),
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """See :meth:`serving.Client.call`."""
        dialogue = self._dialogues.call(inputs, signature, outputs)
        return await self._drive(dialogue, timeout)

    async def status(self, timeout: float | None = None) -> list[VersionStatus]:
        """See :meth:`serving.Client.status`."""
        return await self._drive(self._dialogues.status(), timeout)

    async def metadata(self, timeout: float | None = None) -> ModelMetadata:
        """See :meth:`serving.Client.metadata`."""
        return await self._drive(self._dialogues.metadata(), timeout)

    async def wait_until_ready(self, timeout: float | None = None) -> None:
        """See :meth:`serving.Client.wait_until_ready`."""
        await self._drive(self._dialogues.wait_until_ready(), timeout)

    async def close(self) -> None:
        """Closes the connection; calls in flight are cancelled."""
        await self._channel.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _drive(self, dialogue: Dialogue[T], timeout: float | None) -> T:
        seconds = self._timeout if timeout is None else timeout
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            step = next(dialogue)
            while True:
                left = None if deadline is None else deadline - time.monotonic()
                try:
                    reply = await self._perform(step, left)
                except ServingError as error:
                    step = dialogue.throw(error)
                else:
                    step = dialogue.send(reply)
        except StopIteration as stop:
            return stop.value

    async def _perform(self, step: Call | Pause, left: float | None) -> Any:
        if isinstance(step, Pause):
            check_time(left, self._target)
            pause = step.seconds if left is None else min(step.seconds, left)
            await asyncio.sleep(pause)
            return None
        call = self._calls(step.method)
        try:
            return await call(
                step.request, timeout=left, wait_for_ready=step.wait_for_ready
            )
        except grpc.RpcError as error:
            raise from_rpc(error, self._target) from error
