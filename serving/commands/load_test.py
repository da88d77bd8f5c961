"""``load``: latencies of a running server at a given rate."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from serving.aio import Client
from serving.client.connection import Retry
from serving.client.signature_contract import DEFAULT_SIGNATURE
from serving.client.traffic import Traffic, generate, report
from serving.commands import shared_arguments

HELP = "drive a server at a rate, show latencies"

# What fails is counted, not asked again.
_ONCE = Retry(attempts=1)
# Or clients of one process would share a connection.
_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)

Request = Callable[[Client], Awaitable[Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    shared_arguments.add_target(parser)
    flag = parser.add_argument
    flag("--rate", type=float, help="requests a second; without, one after the other")
    flag(
        "--concurrency",
        type=int,
        help="most requests in flight (1 without --rate, 1000 with it)",
    )
    flag("--duration", type=float, default=10.0, help="seconds (%(default)s)")
    flag("--random", action="store_true", help="random times between requests")
    flag("--connections", type=int, default=1, help="to the server (%(default)s)")
    flag("--batch", type=int, default=1, help="texts of a request (%(default)s)")
    flag("--inputs", help="of any model, as a JSON object; instead of texts")
    flag("--signature", default=DEFAULT_SIGNATURE, help="for --inputs (%(default)s)")
    flag("--json", metavar="FILE", help="write the figures there too; - prints them")
    shared_arguments.add_texts(parser)


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Prints what happened; 0 if anything was answered, else 1.

    Raises:
        ServingError: The model cannot be asked.
        ValueError: An argument makes no sense.
    """
    for name in ("connections", "batch"):
        if getattr(options, name) < 1:
            raise ValueError(
                f"--{name} must be a count. Expected: at least 1. "
                f"Received: {getattr(options, name)}"
            )
    usual = 1 if options.rate is None else 1000
    traffic = Traffic(
        seconds=options.duration,
        rate=options.rate,
        callers=usual if options.concurrency is None else options.concurrency,
        random_arrivals=options.random,
        patience_seconds=options.timeout,
    )
    figures = asyncio.run(_measure(options, traffic, _request(options)))
    if options.json == "-":
        print(json.dumps(figures))
    else:
        print(_text(figures))
        if options.json:
            Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if figures["answered"] else 1


def _request(options: argparse.Namespace) -> Request:
    if options.inputs is not None:
        inputs = json.loads(options.inputs)
        if not isinstance(inputs, dict):
            raise ValueError(
                "--inputs must name tensors. Expected: a JSON object. "
                f"Received: {options.inputs}"
            )
        return lambda client: client.call(inputs, options.signature)
    texts = shared_arguments.texts(options)
    if not texts:
        raise ValueError("text must be there. Expected: at least one. Received: none")
    endless = itertools.cycle(texts)
    return lambda client: client.predict(list(itertools.islice(endless, options.batch)))


async def _measure(
    options: argparse.Namespace, traffic: Traffic, request: Request
) -> dict[str, Any]:
    arguments = shared_arguments.client_arguments(options)
    arguments |= {"retry": _ONCE, "options": [_OWN_CONNECTION]}
    async with AsyncExitStack() as open_clients:
        clients = [
            await open_clients.enter_async_context(Client(options.server, **arguments))
            for _ in range(options.connections)
        ]
        for client in clients:
            await client.wait_until_ready()
            await request(client)  # asks for the signatures too, if it needs them
        in_turn = itertools.cycle(clients)
        outcomes, elapsed = await generate(traffic, lambda: request(next(in_turn)))
    return report(traffic, outcomes, elapsed)


def _text(figures: dict[str, Any]) -> str:
    rate = f"{figures['rate_answered']:.1f} a second"
    if figures["rate_wanted"] is not None:
        rate += f", wanted {figures['rate_wanted']:.1f}"
    lines = [
        f"{figures['requests']} requests in {figures['seconds']:.1f} s, "
        f"{figures['answered']} answered, {rate}"
    ]
    for name, title in (("milliseconds", "latency, ms"), ("late", "sent late, ms")):
        if figures[name] is not None:
            words = (f"{label} {value:.2f}" for label, value in figures[name].items())
            lines.append(f"{title:15}{'  '.join(words)}")
    lines += (f"{code:15}{count}" for code, count in figures["errors"].items())
    return "\n".join(lines)
