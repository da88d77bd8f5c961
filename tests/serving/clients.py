"""Both clients, asked in the same way."""

from __future__ import annotations

import asyncio

import pytest

import serving


def blocking(target, times=1, wait=False, timeout=20, **arguments):
    with serving.Client(target, model="upper", timeout=timeout, **arguments) as client:
        if wait:
            client.wait_until_ready()
        return [client.predict(["a"])[0].text for _ in range(times)][-1]


def awaited(target, times=1, wait=False, timeout=20, **arguments):
    async def ask():
        async with serving.aio.Client(
            target, model="upper", timeout=timeout, **arguments
        ) as client:
            if wait:
                await client.wait_until_ready()
            return [(await client.predict(["a"]))[0].text for _ in range(times)][-1]

    return asyncio.run(ask())


both = pytest.mark.parametrize("ask", [blocking, awaited], ids=["blocking", "asyncio"])
