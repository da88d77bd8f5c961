"""Flags that exclude each other, or change nothing, whichever engine runs."""

from __future__ import annotations

import argparse


def check(options: argparse.Namespace) -> None:
    """Refuses what cannot be meant.

    Raises:
        ValueError: Says which flags, and why.
    """
    if options.model_config_file and options.model_base_path:
        raise ValueError(
            "--model_config_file and --model_base_path contradict each other: TF "
            "Serving would ignore the path; list the model in the file instead"
        )
    if not options.model_config_file and not options.model_base_path:
        raise ValueError(
            "--model_base_path, --model_config_file or --model must be there. "
            "Expected: a folder or a file. Received: nothing"
        )
    if options.batching_parameters_file and not options.enable_batching:
        raise ValueError("--batching_parameters_file is set without --enable_batching")
    if options.monitoring_config_file and not options.rest_api_port:
        raise ValueError(
            "--monitoring_config_file needs --rest_api_port: metrics are served over "
            "HTTP"
        )
    if options.ui and not options.rest_api_port:
        raise ValueError("--ui needs --rest_api_port: the page is served over HTTP")
    if options.tensorflow_session_parallelism and (
        options.tensorflow_intra_op_parallelism
        or options.tensorflow_inter_op_parallelism
    ):
        raise ValueError(
            "--tensorflow_session_parallelism excludes "
            "--tensorflow_intra_op_parallelism and --tensorflow_inter_op_parallelism"
        )
    for name in ("port", "rest_api_port"):
        port = getattr(options, name)
        if not 0 <= port <= 65535:
            raise ValueError(
                f"--{name} must be a port. Expected: 0 to 65535. Received: {port}"
            )
    if options.port == options.rest_api_port != 0:
        raise ValueError(
            "--port and --rest_api_port must differ. Expected: two ports. "
            f"Received: {options.port} for both"
        )
    if options.ssl_config_file and options.use_alts_credentials:
        raise ValueError(
            "--ssl_config_file and --use_alts_credentials contradict each other: a "
            "port is encrypted in one way"
        )
    if options.platform_config_file and options.enable_batching:
        raise ValueError(
            "--platform_config_file and --enable_batching contradict each other: TF "
            "Serving would ignore the latter; write it into the file instead"
        )


def ignored(options: argparse.Namespace) -> list[str]:
    """One line for each flag that changes nothing beside the others.

    TF Serving starts with them and says nothing.
    """
    file, iterations = options.model_config_file, "num_request_iterations_for_warmup"
    rules = (
        (
            options.model_name is not None and file,
            "--model_name has no effect with --model_config_file, which has the names",
        ),
        (
            options.model_config_file_poll_wait_seconds and not file,
            "--model_config_file_poll_wait_seconds has no effect without "
            "--model_config_file",
        ),
        (
            options.rest_api_enable_cors_support and not options.rest_api_port,
            "--rest_api_enable_cors_support has no effect without --rest_api_port",
        ),
        (
            getattr(options, iterations) != 1 and not options.enable_model_warmup,
            f"--{iterations} has no effect with --enable_model_warmup=false",
        ),
    )
    return [line for applies, line in rules if applies]
