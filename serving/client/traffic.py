"""Traffic: requests at a given rate, and how long their responses take.

With a rate, a request is due at its time whether or not others have been answered
(open loop), and its latency counts from then: a server that stalls is charged for all
that should have been asked meanwhile. Without, each caller asks again when it has been
answered (closed loop).
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from serving.errors import ServingError

#: Instead of a code, for what was due but could not be sent before the end.
UNSENT = "UNSENT"
_OK = "OK"
_PERCENTILES = (50, 90, 95, 99, 99.9)


@dataclass(frozen=True)
class Traffic:
    """Requests that become due, and how many callers send them.

    Attributes:
        seconds: For how long requests become due.
        rate: Requests a second; None for as many as the callers get answered.
        callers: Most requests in flight.
        random_arrivals: Whether times between requests are random (exponential, as of
            many independent clients) instead of equal.
        patience_seconds: How long after the end late requests are still sent.
        seed: For random arrivals.
    """

    seconds: float = 10.0
    rate: float | None = None
    callers: int = 100
    random_arrivals: bool = False
    patience_seconds: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("seconds", "rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(
                    f"`{name}` must be finite. Expected: more than 0. Received: {value}"
                )
        if self.callers < 1:
            raise ValueError(
                f"`callers` must be a count. Expected: at least 1. "
                f"Received: {self.callers}"
            )
        if self.random_arrivals and self.rate is None:
            raise ValueError(
                "`random_arrivals` needs a rate. Expected: a number. Received: None"
            )

    def due(self) -> Iterator[float] | None:
        """Seconds from the start at which requests are due; None: at any time.

        >>> list(Traffic(seconds=1, rate=4).due())
        [0.0, 0.25, 0.5, 0.75]
        """
        if self.rate is None:
            return None
        rate = self.rate
        times: Iterator[float] = (number / rate for number in itertools.count())
        if self.random_arrivals:
            chance = random.Random(self.seed)
            pauses = iter(lambda: chance.expovariate(rate), None)
            times = itertools.accumulate(pauses, initial=0.0)
        return itertools.takewhile(lambda moment: moment < self.seconds, times)


@dataclass(frozen=True)
class Outcome:
    """One request.

    Attributes:
        code: ``"OK"``, a gRPC status, or ``UNSENT``.
        seconds: From when it was due to its end.
        late_seconds: From when it was due to when it was sent.
    """

    code: str
    seconds: float
    late_seconds: float


async def generate(
    traffic: Traffic, request: Callable[[], Awaitable[Any]]
) -> tuple[list[Outcome], float]:
    """Sends requests as they become due.

    Args:
        traffic: What is due, and when.
        request: Sends one; raises ServingError when it fails.

    Returns:
        The outcomes, and the seconds until the last one.
    """
    outcomes: list[Outcome] = []
    due = traffic.due()
    start = time.perf_counter()
    last = traffic.seconds + traffic.patience_seconds

    async def caller() -> None:
        while True:
            now = time.perf_counter() - start
            moment = now if due is None else next(due, math.inf)
            if moment >= traffic.seconds:
                return
            if moment > now:
                await asyncio.sleep(moment - now)
            elif now > last:
                outcomes.append(Outcome(UNSENT, now - moment, now - moment))
                continue
            sent = time.perf_counter() - start
            code = _OK
            try:
                await request()
            except ServingError as error:
                code = error.code or type(error).__name__
            ended = time.perf_counter() - start
            outcomes.append(Outcome(code, ended - moment, sent - moment))

    await asyncio.gather(*(caller() for _ in range(traffic.callers)))
    return outcomes, time.perf_counter() - start


def report(
    traffic: Traffic, outcomes: Sequence[Outcome], elapsed_seconds: float
) -> dict[str, Any]:
    """What happened, as numbers for JSON.

    Args:
        traffic: What was sent.
        outcomes: What became of it.
        elapsed_seconds: Until the last one.

    Returns:
        ``requests``, ``answered`` and ``errors`` (code to count); rates in requests a
        second; ``milliseconds`` of the requests that were answered and ``late`` of
        all that were sent, each by percentile (None without any).
    """
    answered = [item.seconds for item in outcomes if item.code == _OK]
    codes = Counter(item.code for item in outcomes if item.code != _OK)
    late = [item.late_seconds for item in outcomes if item.code != UNSENT]
    return {
        "seconds": elapsed_seconds,
        "callers": traffic.callers,
        "rate_wanted": traffic.rate,
        "rate_answered": len(answered) / elapsed_seconds,
        "requests": len(outcomes),
        "answered": len(answered),
        "errors": dict(sorted(codes.items())),
        "milliseconds": _spread(answered),
        "late": _spread(late),
    }


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent do not exceed (nearest rank).

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 99)
    (2, 4)
    """
    # Rounded first: 99.9 % of 1000 is 999, not what floats make of it.
    rank = math.ceil(round(len(ordered) * percent / 100, 6))
    return ordered[max(rank, 1) - 1]


def _spread(seconds: Sequence[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    ordered = sorted(1000 * value for value in seconds)
    found = {"mean": sum(ordered) / len(ordered)}
    found |= {f"p{percent:g}": percentile(ordered, percent) for percent in _PERCENTILES}
    return found | {"max": ordered[-1]}
