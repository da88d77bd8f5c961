"""The embedded engine: :mod:`serving.embedded` told by TF Serving's flags."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from serving.launcher import flags, signals
from serving.messages import monitoring_config_pb2, session_pb2
from serving.server import ConfigFile, LoadPolicy, RestOptions, Server, ServerOptions
from serving.server.addresses import bracketed
from serving.server.batching import BatchingOptions, read_options
from serving.server.config.text_format import read_config
from serving.server.observability.call_log import log_call
from serving.server.options import METRICS_PATH
from serving.server.runtime import library
from serving.server.tls import read_tls

_LOG = logging.getLogger("serving")
_OPEN_FILES = 1 << 16
_DRAIN_SECONDS = 20.0
_NAME = "engine=embedded"


def run(options: argparse.Namespace, unknown: Sequence[str], files: ExitStack) -> int:
    """Serves in this process until SIGTERM or SIGINT; see `engine_choice`.

    Prints one line for each model once it can be asked, with ``port=`` among its
    words.
    """
    flags.refuse_unsupported(options)
    for line in flags.warnings(options, unknown):
        _LOG.warning(line)
    stopping = _stop_on_signals(files)
    _allow_many_connections()
    with _without_chatter():
        library.tensorflow()
    # Where nothing was said, exports that have compiled signatures profit.
    on_cpu, on_gpu = (
        getattr(options, f"xla_{device}_compilation_enabled")
        for device in ("cpu", "gpu")
    )
    if on_cpu is False and not on_gpu:
        library.disable_xla()
    models: dict[str, str] | ConfigFile
    if options.model_config_file:
        models = ConfigFile(options.model_config_file)
    else:
        models = {options.model_name or flags.MODEL_NAME: options.model_base_path}
    server = Server(models, _server(options))
    server.start()
    files.close()
    _LOG.info(_NAME)
    ready = f"ready {_NAME} host={options.host} port={server.port}"
    if server.rest_port:
        ready += f" rest_port={server.rest_port}"
    for servable in server.servables:
        print(f"{ready} model={servable.name} version={servable.version}")
    if not server.servables:
        print(ready)
    if options.ui:
        scheme = "https" if options.ssl_config_file else "http"
        host = bracketed(options.host)
        _LOG.info("page at %s://%s:%d/", scheme, host, server.rest_port)
    sys.stdout.flush()
    stopping.wait()
    drain = options.drain_seconds
    server.stop(_DRAIN_SECONDS if drain is None else drain)
    # Threads of calls that outlived the grace would keep the interpreter waiting.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


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
    batching = None
    if options.enable_batching:
        file = options.batching_parameters_file
        batching = read_options(Path(file)) if file else BatchingOptions()
    warmups = max(1, options.num_request_iterations_for_warmup)
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
        warmup_iterations=warmups if options.enable_model_warmup else 0,
        batching=batching,
        config_poll_seconds=options.model_config_file_poll_wait_seconds,
        tags=tuple(options.saved_model_tags.split(",")),
        session=session,
        channel_arguments=tuple(_arguments(options.grpc_channel_arguments)),
        rest=_rest(options),
        tls=read_tls(options.ssl_config_file) if options.ssl_config_file else None,
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


def _rest(options: argparse.Namespace) -> RestOptions | None:
    if not options.rest_api_port:
        return None
    # The page shows them.
    metrics_path = METRICS_PATH if options.ui else None
    if file := options.monitoring_config_file:
        config = read_config(file, monitoring_config_pb2.MonitoringConfig)
        prometheus = config.prometheus_config
        metrics_path = (prometheus.path or METRICS_PATH) if prometheus.enable else None
    return RestOptions(
        port=options.rest_api_port,
        threads=options.rest_api_num_threads,
        timeout_ms=options.rest_api_timeout_in_ms,
        cors=options.rest_api_enable_cors_support,
        metrics_path=metrics_path,
        page=options.ui,
    )


def _arguments(words: str) -> Iterator[tuple[str, str | int]]:
    for word in filter(None, words.split(",")):
        name, separator, value = word.partition("=")
        if not separator:
            raise ValueError(
                "--grpc_channel_arguments must be pairs. Expected: name=value. "
                f"Received: {word!r}"
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
    """Keeps TensorFlow's greetings off stderr, unless its log level asks for them.

    They are written while the library is loaded, whatever the level.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") < "2":
        yield
        return
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
