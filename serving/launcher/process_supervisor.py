"""Supervisor of a server in a process of its own: start, wait, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from serving.errors import StartupFailed
from serving.launcher import signals

_PAUSE_SECONDS = 0.1
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class ServerCommand(NamedTuple):
    """A command and how to end what it started.

    Attributes:
        words: The command.
        environment: What to add to the environment.
        kill: A command that ends what outlives the process; empty without.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    kill: Sequence[str] = ()


class Supervisor:
    """Runs one command.

    Signals go to it; the second one ends it, whatever it does with signals.

    Args:
        name: What to call it in messages.
        command: How to start and end it.
    """

    def __init__(self, name: str, command: ServerCommand):
        self._name = name
        self._kill = command.kill
        self._environment = {**os.environ, **command.environment}
        self._started = threading.Event()
        self._forwarded: int | None = None
        signals.watch(_FORWARDED, self._forward)
        try:
            self._process = subprocess.Popen(
                command.words,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                env=self._environment,
                # Or a terminal's Ctrl-C would reach it twice.
                start_new_session=True,
            )
        except OSError as error:
            raise StartupFailed(f"{command.words[0]}: {error.strerror}") from error
        self._started.set()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Whether it was ready before it ended.

        Raises:
            StartupFailed: It was neither in time, and has been ended.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self._forwarded is None and time.monotonic() > deadline:
                self._end()
                self._process.wait()
                raise StartupFailed(
                    f"{self._name} could not be asked within {seconds:g} seconds"
                )
            try:
                self._process.wait(_PAUSE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return False
        return True

    def wait(self) -> int:
        """Its exit status, once it ended; 0 if a signal from here did that."""
        status = self._process.wait()
        if status < 0:
            status = 128 - status
        # A server without a handler dies of the signal, which is what was wanted.
        asked = self._forwarded is not None and status == 128 + self._forwarded
        return 0 if asked else status

    def _forward(self, number: int) -> None:
        self._started.wait()
        if self._forwarded is None:
            self._forwarded = number
            self._process.send_signal(number)
        else:
            self._end()

    def _end(self) -> None:
        if self._kill:
            subprocess.run(self._kill, env=self._environment, stdout=subprocess.DEVNULL)
        self._process.kill()
