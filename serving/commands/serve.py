"""``serve``: runs a server until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from serving.launcher import (
    flag_contradictions,
    rest_flags,
    short_flags,
    tf_serving_flags,
)
from serving.launcher.engine_choice import choose
from serving.server.observability.call_log import formatter

_LOG = logging.getLogger("serving")

HELP = "serve a model with the flags of tensorflow_model_server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    tf_serving_flags.add_flags(parser)
    rest_flags.add_flags(parser)
    short_flags.add_flags(parser)


def run(options: argparse.Namespace, unknown: Sequence[str]) -> int:
    """Serves until the server ends.

    Raises:
        StartupFailed: The server cannot start.
        ValueError: A flag makes no sense.
    """
    with ExitStack() as files:
        options = short_flags.write(options, files)
        flag_contradictions.check(options)
        engine = choose(options.engine, options.docker_image, given(options))
        _log_to_stderr(options.log_format)
        for line in flag_contradictions.ignored(options):
            _LOG.warning(line)
        return engine.run(options, unknown, files)


def given(options: argparse.Namespace) -> dict[str, str]:
    """TF Serving's flags that it has to be told, as text: those with a choice of
    the user, or a default that is not TF Serving's."""
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    usual = vars(parser.parse_args([]))
    return {
        name: _text(value)
        for name, value in vars(options).items()
        if name in usual
        and name not in tf_serving_flags.OWN
        and (value != usual[name] or name in tf_serving_flags.OTHER_DEFAULTS)
    }


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _log_to_stderr(form: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(form))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
