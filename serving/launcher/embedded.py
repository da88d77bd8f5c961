"""The embedded engine, told by TF Serving's flags."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving.launcher import rest_flags, signals, tf_serving_flags
from serving.messages import session_pb2
from serving.server import ConfigFile, LoadPolicy, Server, ServerOptions
from serving.server.batching import BatchingOptions, read_options
from serving.server.observability.call_log import log_call
from serving.server.runtime import library

_LOG = logging.getLogger("serving")
_OPEN_FILES = 1 << 16
_DRAIN_SECONDS = 20.0


@dataclass(frozen=True)
class Embedded:
    """Serves in this process until SIGTERM or SIGINT.

    Attributes:
        description: Its name and where it is.
    """

    description: str = "engine=embedded"

    def run(
        self, options: argparse.Namespace, unknown: Sequence[str], files: ExitStack
    ) -> int:
        """See :meth:`serving.launcher.base.Engine.run`.

        Prints one line for each model once it can be asked, with ``port=`` among its
        words.
        """
        tf_serving_flags.refuse_unsupported(options)
        for line in tf_serving_flags.warnings(options, unknown):
            _LOG.warning(line)
        stopping = _stop_on_signals(files)
        _allow_many_connections()
        with _without_chatter():
            library.tensorflow()
        xla = options.xla_cpu_compilation_enabled or options.xla_gpu_compilation_enabled
        if not xla:
            library.disable_xla()
        server = Server(_models(options), _server(options))
        server.start()
        files.close()
        _LOG.info(self.description)
        ready = f"ready {self.description} host={options.host} port={server.port}"
        if server.rest_port:
            ready += f" rest_port={server.rest_port}"
        for servable in server.servables:
            print(f"{ready} model={servable.name} version={servable.version}")
        if not server.servables:
            print(ready)
        sys.stdout.flush()
        stopping.wait()
        drain = options.drain_seconds
        server.stop(_DRAIN_SECONDS if drain is None else drain)
        # Threads of calls that outlived the grace would keep the interpreter waiting.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _models(options: argparse.Namespace) -> dict[str, str] | ConfigFile:
    if options.model_config_file:
        return ConfigFile(options.model_config_file)
    return {options.model_name or tf_serving_flags.MODEL_NAME: options.model_base_path}


def _server(options: argparse.Namespace) -> ServerOptions:
    parallelism = options.tensorflow_session_parallelism
    intra = options.tensorflow_intra_op_parallelism
    inter = options.tensorflow_inter_op_parallelism
    session = session_pb2.ConfigProto(
        intra_op_parallelism_threads=intra or parallelism,
        inter_op_parallelism_threads=inter or parallelism,
    )
    if options.per_process_gpu_memory_fraction:
        session.gpu_options.per_process_gpu_memory_fraction = (
            options.per_process_gpu_memory_fraction
        )
    batching = _batching(options)
    return ServerOptions(
        host=options.host,
        port=options.port,
        threads=_threads(options, batching),
        health=options.enable_grpc_healthcheck_service,
        poll_seconds=options.file_system_poll_wait_seconds,
        loads=LoadPolicy(
            threads=options.num_load_threads,
            retries=options.max_num_load_retries,
            retry_seconds=options.load_retry_interval_micros / 1e6,
            labels_for_unavailable=options.allow_version_labels_for_unavailable_models,
        ),
        warmup_iterations=_warmups(options),
        batching=batching,
        config_poll_seconds=options.model_config_file_poll_wait_seconds,
        tags=tuple(options.saved_model_tags.split(",")),
        session=session,
        channel_arguments=tuple(_arguments(options.grpc_channel_arguments)),
        rest=rest_flags.rest_options(options),
        tls=rest_flags.tls(options),
        observers=(log_call,) if options.log_requests else (),
    )


def _threads(options: argparse.Namespace, batching: BatchingOptions | None) -> int:
    if options.grpc_max_threads is not None:
        return options.grpc_max_threads
    usual = 4 * (os.cpu_count() or 1)
    # A call holds its thread while it waits in a batch.
    if batching is None:
        return usual
    return max(usual, min(2 * batching.rows * batching.threads, 128))


def _warmups(options: argparse.Namespace) -> int:
    if not options.enable_model_warmup:
        return 0
    return max(1, options.num_request_iterations_for_warmup)


def _batching(options: argparse.Namespace) -> BatchingOptions | None:
    if not options.enable_batching:
        return None
    file = options.batching_parameters_file
    return read_options(Path(file)) if file else BatchingOptions()


def _arguments(words: str) -> Iterator[tuple[str, str | int]]:
    for word in filter(None, words.split(",")):
        name, separator, value = word.partition("=")
        if not separator:
            raise ValueError(
                f"--grpc_channel_arguments: expected name=value, received {word!r}"
            )
        yield name, int(value) if value.lstrip("-").isdigit() else value


def _allow_many_connections() -> None:
    """Every connection is an open file; the usual limit of 1024 is soon reached."""
    import resource  # not everywhere, where clients run

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stop_on_signals(files: ExitStack) -> threading.Event:
    """Set by the first SIGTERM or SIGINT; the second ends the process at once."""
    stopping = threading.Event()

    def handle(number: int) -> None:
        if stopping.is_set():
            files.close()
            os._exit(128 + number)
        stopping.set()

    signals.watch((signal.SIGTERM, signal.SIGINT), handle)
    return stopping


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keeps TensorFlow's greetings off stderr, unless its log level was chosen.

    They are written while the library is loaded, whatever the level.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
