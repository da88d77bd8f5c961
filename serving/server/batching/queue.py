"""Queue of requests that wait to be computed together."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from serving.server.batching.parameters import BatchingOptions
from serving.server.refusal import invalid, precondition, unavailable
from serving.server.versions.servable import Arrays, Feeds, Runner

_DIFFERENT = (
    "Tensors with name '{}' from different tasks have different shapes and padding is "
    "turned off. Set pad_variable_length_inputs to true, or ensure that all tensors "
    "with the same name have equal dimensions starting with the first dim."
)
_FULL = "The batch scheduling queue to which this task was submitted is full; "


@dataclass(eq=False)
class Task:
    """A request, or a piece of one, on its way.

    Attributes:
        feeds: Its inputs ``[rows, ...]`` by name.
        rows: How many rows it has.
        deadline: Time of ``time.monotonic`` after which nobody wants the result.
        since: Time of ``time.monotonic`` at which it came.
        done: Held until there is a result, or an error in its place.
    """

    feeds: Feeds
    rows: int
    deadline: float = math.inf
    since: float = 0.0
    done: threading.Lock = field(default_factory=threading.Lock)
    outputs: Arrays | None = None
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.done.acquire()

    def finish(self, outputs: Arrays) -> None:
        """Ends the wait with a result."""
        self.outputs = outputs
        self.done.release()

    def fail(self, error: BaseException) -> None:
        """Ends the wait with an error."""
        self.error = error
        self.done.release()


class Kind(NamedTuple):
    """What tasks of one batch have in common: dtypes, and shapes of a row."""

    dtypes: tuple[np.dtype, ...]
    shapes: tuple[tuple[int, ...], ...]


@dataclass(eq=False)
class Batch:
    """Tasks of one kind that are computed together, the first since ``born``."""

    born: float
    kind: Kind
    tasks: list[Task] = field(default_factory=list)
    rows: int = 0

    def add(self, task: Task) -> None:
        """Puts a task at the end."""
        self.tasks.append(task)
        self.rows += task.rows


class Queue:
    """Batches that wait for one runner, with the same inputs and outputs.

    Not thread-safe.
    """

    def __init__(
        self,
        runner: Runner,
        names: tuple[str, ...],
        fetches: tuple[str, ...],
        options: BatchingOptions,
    ):
        self.runner = runner
        self.names = names
        self.fetches = fetches
        self._options = options
        self.batches: list[Batch] = []

    def put(self, task: Task, now: float) -> list[Task]:
        """Lets a task join the last batch of its kind, or begins another.

        Returns the task, or its pieces if it has more rows than a batch. After a
        Refusal, with TF Serving's code and message, nothing was put.
        """
        options, waiting = self._options, len(self.batches)
        if task.rows > options.max_batch_size:
            raise invalid(
                f"Task size {task.rows} is larger than maximum input batch size "
                f"{options.max_batch_size}"
            )
        arrays = [task.feeds[name] for name in self.names]
        kind = Kind(
            tuple(array.dtype for array in arrays),
            tuple(array.shape[1:] for array in arrays),
        )
        batch = self._open(kind)
        room = options.rows - batch.rows if batch is not None else 0
        splits = bool(options.max_execution_batch_size)
        if batch is not None and (task.rows <= room or (room and splits)):
            self._check_shapes(batch, kind)
        pieces = [task]
        if task.rows > room and splits:
            capacity = (options.max_enqueued_batches - waiting) * options.rows + room
            if task.rows > capacity:
                raise unavailable(
                    f"{_FULL}task size is {task.rows} but scheduling capacity is only "
                    f"{capacity} (num_enqueued_batches={waiting}, "
                    f"max_enqueued_batches={options.max_enqueued_batches}, "
                    f"open_batch_size={options.rows - room}, "
                    f"max_execution_batch_size={options.rows})"
                )
            pieces = self._pieces(task, room)
        elif task.rows > room and waiting >= options.max_enqueued_batches:
            raise unavailable(
                f"{_FULL}currently {waiting} batches enqueued and "
                f"max_enqueued_batches is {options.max_enqueued_batches}"
            )
        for piece in pieces:
            if batch is None or piece.rows > options.rows - batch.rows:
                batch = Batch(now, kind)
                self.batches.append(batch)
            batch.add(piece)
        return pieces

    def due(self, batch: Batch) -> float:
        """From when on a batch may be computed."""
        if batch.rows >= self._options.rows or self._open(batch.kind) is not batch:
            return -math.inf
        return batch.born + self._options.timeout_seconds

    def drop(self, task: Task) -> bool:
        """Takes a task out; False if it does not wait here any more."""
        for batch in self.batches:
            if task in batch.tasks:
                batch.tasks.remove(task)
                batch.rows -= task.rows
                if not batch.tasks:
                    self.batches.remove(batch)
                return True
        return False

    def _open(self, kind: Kind) -> Batch | None:
        """The batch that tasks of a kind may still join."""
        for batch in reversed(self.batches):
            alike = batch.kind.shapes == kind.shapes or not self._options.mix_lengths
            if batch.kind.dtypes == kind.dtypes and alike:
                return batch
        return None

    def _check_shapes(self, batch: Batch, kind: Kind) -> None:
        shapes = zip(self.names, batch.kind.shapes, kind.shapes, strict=True)
        for name, other, shape in shapes:
            if other != shape:
                raise precondition(_DIFFERENT.format(name))

    def _pieces(self, task: Task, room: int) -> list[Task]:
        """The first fills the open batch, the others are as large as allowed."""
        bounds = [0, *([room] if room else [])]
        while bounds[-1] < task.rows:
            bounds.append(min(bounds[-1] + self._options.rows, task.rows))
        return [
            replace(
                task,
                feeds={name: array[start:stop] for name, array in task.feeds.items()},
                rows=stop - start,
                done=threading.Lock(),
            )
            for start, stop in pairwise(bounds)
        ]
