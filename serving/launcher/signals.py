"""Signals that reach a process, handed to a function in a thread."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterable


def watch(numbers: Iterable[signal.Signals], handle: Callable[[int], None]) -> None:
    """Calls ``handle`` for each of these signals, one after the other.

    Python runs handlers in the main thread only, which does not wake up when the
    system hands the signal to another one. The wake-up file is written in any case.

    Args:
        numbers: Which signals; what they usually do no longer happens.
        handle: Takes the number of the signal; runs in a thread of its own.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def read() -> None:
        with writer:  # kept open as long as somebody reads
            while number := reader.recv(1):
                handle(number[0])

    for known in numbers:
        signal.signal(known, lambda number, frame: None)
    threading.Thread(target=read, name="signals", daemon=True).start()
