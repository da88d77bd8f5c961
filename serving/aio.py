"""The asyncio client: the methods of the blocking one, awaited."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from serving.client.request_flows import RequestFlows


class Client(RequestFlows):
    """:class:`serving.Client` for asyncio: same arguments, same methods, awaited.

    Make it inside a running event loop.

    ::

        async with serving.aio.Client("127.0.0.1:8500", model="pronounce") as client:
            predictions = await client.predict(["hello", "world"])
    """

    _api = grpc.aio

    async def close(self) -> None:
        """Closes the connection; calls in flight are cancelled."""
        await self._channel.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _received(self, response: Any) -> Any:
        return await response

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
