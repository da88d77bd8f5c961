"""Checks of options, and the words for those that are wrong."""

from __future__ import annotations


def check(is_right: bool, rule: str, expected: str, received: object) -> None:
    """Raises ValueError unless an option is right.

    >>> check(False, "`port` must be a port", "0 to 65535", -1)
    Traceback (most recent call last):
    ValueError: `port` must be a port. Expected: 0 to 65535. Received: -1
    """
    if not is_right:
        raise ValueError(f"{rule}. Expected: {expected}. Received: {received!r}")


def check_port(name: str, port: int) -> None:
    """Raises ValueError unless a number may be that of a port, or 0 for a free one."""
    check(0 <= port <= 65535, f"`{name}` must be a port", "0 to 65535", port)


def check_least(name: str, least: int, value: float) -> None:
    """Raises ValueError if a number is too small."""
    rule = "must be positive" if least else "must not be negative"
    check(value >= least, f"`{name}` {rule}", f"at least {least}", value)
