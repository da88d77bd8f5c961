"""Parameters of batching: TF Serving's BatchingParameters, checked."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from serving.messages import batching_pb2, session_pb2
from serving.server.config.text_format import ConfigError, line_of, read_config


class WrongParameter(ValueError):
    """A parameter of this name in BatchingParameters makes no sense."""

    def __init__(self, name: str, message: str):
        super().__init__(message)
        self.name = name


@dataclass(frozen=True)
class BatchingOptions:
    """How requests are merged.

    Attributes:
        max_batch_size: Most rows of one request, and of one batch unless requests are
            split.
        timeout_seconds: How long a batch waits for more rows while a thread is free.
        max_enqueued_batches: Batches of one queue that wait for a thread.
        threads: Batches that are computed at once.
        allowed_batch_sizes: Batches are filled up to the next of these sizes with a
            repeated row; any size if empty.
        mix_lengths: Whether requests whose rows differ in shape are accepted; they
            are computed in batches of their own. Otherwise one that meets a batch of
            another shape is refused.
        max_execution_batch_size: Larger requests are split into pieces of at most so
            many rows; 0 never splits.
    """

    max_batch_size: int = 1000
    timeout_seconds: float = 0.0
    max_enqueued_batches: int = 10
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    allowed_batch_sizes: tuple[int, ...] = ()
    mix_lengths: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self) -> None:
        positive = {
            "max_batch_size": self.max_batch_size,
            "max_enqueued_batches": self.max_enqueued_batches,
            "num_batch_threads": self.threads,
        }
        for name, value in positive.items():
            _require(value >= 1, name, f"must be positive; was {value}")
        _require(
            self.timeout_seconds >= 0,
            "batch_timeout_micros",
            f"must be non-negative; was {round(self.timeout_seconds * 1e6)}",
        )
        _require(
            0 <= self.max_execution_batch_size <= self.max_batch_size,
            "max_execution_batch_size",
            f"must be positive and at most max_batch_size={self.max_batch_size}; was "
            f"{self.max_execution_batch_size}",
        )
        sizes = self.allowed_batch_sizes
        _require(
            not sizes or (sizes[0] >= 1 and all(a < b for a, b in pairwise(sizes))),
            "allowed_batch_sizes",
            "entries must be positive and monotonically increasing; were "
            f"{', '.join(map(str, sizes))}",
        )
        if sizes and sizes[-1] != self.max_batch_size:
            raise WrongParameter(
                "allowed_batch_sizes",
                "Last entry in allowed_batch_sizes must match max_batch_size; last "
                f"entry was {sizes[-1]}; expected {self.max_batch_size}",
            )

    @property
    def rows(self) -> int:
        """Most rows of one batch."""
        return self.max_execution_batch_size or self.max_batch_size

    def shared(self, config: session_pb2.ConfigProto) -> session_pb2.ConfigProto:
        """A session's configuration, with batches that share the processors.

        TensorFlow would spread each operation of each batch over all of them, and
        batches computed at once would wait for each other's pieces. What is said of
        threads stays as it is.
        """
        if config.intra_op_parallelism_threads or config.inter_op_parallelism_threads:
            return config
        chosen = session_pb2.ConfigProto()
        chosen.CopyFrom(config)
        processors = os.cpu_count() or 1
        chosen.intra_op_parallelism_threads = max(1, processors // self.threads)
        return chosen

    def padded(self, rows: int) -> int:
        """The smallest allowed size for so many rows.

        >>> BatchingOptions(8, allowed_batch_sizes=(2, 8)).padded(3)
        8
        """
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def read_options(path: Path) -> BatchingOptions:
    """The BatchingParameters of a text file; a ConfigError if they make no sense."""
    message = read_config(path, batching_pb2.BatchingParameters)
    try:
        return from_message(message)
    except WrongParameter as error:
        raise ConfigError(f"{line_of(path, error.name)}: {error}") from error


def from_message(message: batching_pb2.BatchingParameters) -> BatchingOptions:
    """The options that a message asks for; a WrongParameter if they make no sense."""
    values: dict[str, int] = {}
    for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
        if message.HasField(name):
            values[name.replace("num_batch_", "")] = getattr(message, name).value
    pieces = 0
    if message.enable_large_batch_splitting.value:
        pieces = values.get("max_batch_size", BatchingOptions().max_batch_size)
        if message.HasField("max_execution_batch_size"):
            name, pieces = (
                "max_execution_batch_size",
                message.max_execution_batch_size.value,
            )
            _require(pieces >= 1, name, f"must be positive; was {pieces}")
    return BatchingOptions(
        **values,
        timeout_seconds=message.batch_timeout_micros.value / 1e6,
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        mix_lengths=message.pad_variable_length_inputs,
        max_execution_batch_size=pieces,
    )


def _require(is_right: bool, name: str, message: str) -> None:
    if not is_right:
        raise WrongParameter(name, f"{name} {message}")
