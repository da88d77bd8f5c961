"""``load``: how a running server answers at a given rate."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from serving.aio import Client
from serving.client.connection import Retry
from serving.client.load_generator import Load, drive, report
from serving.client.request_flows import DEFAULT_SIGNATURE
from serving.commands.input_lines import input_lines
from serving.commands.target import add_target, arguments

HELP = "drive a server at a rate, show latencies"

# What fails is counted, not asked again.
_ONCE = Retry(attempts=1)
# Or clients of one process would share a connection.
_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    add_target(parser)
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
    flag("text", nargs="*", help="texts; lines of standard input when there are none")


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Prints what happened; 0 if anything was answered, else 1.

    Raises:
        ServingError: The model cannot be asked.
        ValueError: An argument makes no sense.
    """
    for name in ("connections", "batch"):
        if getattr(options, name) < 1:
            raise ValueError(
                f"--{name}: expected at least 1, received {getattr(options, name)}"
            )
    usual = 1 if options.rate is None else 1000
    load = Load(
        seconds=options.duration,
        rate=options.rate,
        callers=usual if options.concurrency is None else options.concurrency,
        random_arrivals=options.random,
        patience_seconds=options.timeout,
    )
    question = _question(options)
    found = asyncio.run(_measure(options, load, question))
    if options.json == "-":
        print(json.dumps(found))
    else:
        print(_text(found))
        if options.json:
            Path(options.json).write_text(json.dumps(found, indent=1) + "\n")
    return 0 if found["answered"] else 1


Question = Callable[[Client], Awaitable[Any]]


def _question(options: argparse.Namespace) -> Question:
    if options.inputs is not None:
        inputs = json.loads(options.inputs)
        if not isinstance(inputs, dict):
            raise ValueError(
                f"--inputs: expected a JSON object, received {options.inputs}"
            )
        return lambda client: client.call(inputs, options.signature)
    texts = options.text or input_lines()
    if not texts:
        raise ValueError("text: expected at least one, received none")
    endless = itertools.cycle(texts)

    def batches() -> Iterator[list[str]]:
        while True:
            yield list(itertools.islice(endless, options.batch))

    following = batches()
    return lambda client: client.predict(next(following))


async def _measure(
    options: argparse.Namespace, load: Load, question: Question
) -> dict[str, Any]:
    named = arguments(options)
    async with AsyncExitStack() as open_clients:
        clients = [
            await open_clients.enter_async_context(
                Client(options.server, retry=_ONCE, options=[_OWN_CONNECTION], **named)
            )
            for _ in range(options.connections)
        ]
        for client in clients:
            await client.wait_until_ready()
            await question(client)  # asks for the signatures too, if it needs them
        turns = itertools.cycle(clients)
        outcomes, elapsed = await drive(load, lambda: question(next(turns)))
    return report(load, outcomes, elapsed)


def _text(found: dict[str, Any]) -> str:
    rate = f"{found['rate_answered']:.1f} a second"
    if found["rate_wanted"] is not None:
        rate += f", wanted {found['rate_wanted']:.1f}"
    lines = [
        f"{found['requests']} requests in {found['seconds']:.1f} s, "
        f"{found['answered']} answered, {rate}"
    ]
    for name, title in (("milliseconds", "latency, ms"), ("late", "sent late, ms")):
        if found[name] is not None:
            words = (f"{label} {value:.2f}" for label, value in found[name].items())
            lines.append(f"{title:15}{'  '.join(words)}")
    for code, count in found["errors"].items():
        lines.append(f"{code:15}{count}")
    return "\n".join(lines)
