"""``serve``: a server that runs until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from serving.launcher import flag_contradictions, flags, short_flags
from serving.launcher.engine_choice import choose
from serving.server.observability.call_log import formatter

_LOG = logging.getLogger("serving")

HELP = "serve a model with the flags of tensorflow_model_server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    flags.add_flags(parser)


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Serves until the server ends.

    Raises:
        StartupFailed: The server cannot start.
        ValueError: A flag makes no sense.
    """
    with ExitStack() as files:
        options = short_flags.write(options, files)
        flag_contradictions.check(options)
        engine = choose(options.engine, options.docker_image)
        _log_to_stderr(options.log_format)
        for line in flag_contradictions.ignored(options):
            _LOG.warning(line)
        return engine(options, unknown, files)


def _log_to_stderr(form: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(form))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
