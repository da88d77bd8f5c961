"""Queue of requests that wait to be computed together."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field

import grpc
import numpy as np

from serving.server.batching.merging import Feeds
from serving.server.batching.parameters import BatchingOptions
from serving.server.refusal import Refusal, invalid
from serving.server.versions.servable import Runner

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
        deadline: Time of ``time.monotonic`` after which nobody wants the answer.
        since: Time of ``time.monotonic`` at which it came.
        done: Held until there is an answer.
        outputs: The answer.
        error: Or why there is none.
    """

    feeds: Feeds
    rows: int
    deadline: float = math.inf
    since: float = 0.0
    done: threading.Lock = field(default_factory=threading.Lock)
    outputs: list[np.ndarray] | None = None
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.done.acquire()

    @property
    def is_done(self) -> bool:
        """Whether there is an answer."""
        return self.outputs is not None or self.error is not None

    def answer(self, outputs: list[np.ndarray]) -> None:
        """Ends the wait with a result."""
        self.outputs = outputs
        self.done.release()

    def fail(self, error: BaseException) -> None:
        """Ends the wait with an error."""
        self.error = error
        self.done.release()


@dataclass(eq=False)
class Batch:
    """Tasks that are computed together.

    Attributes:
        born: When the first came.
        dtypes: Of the inputs; tasks with others never join.
        shapes: Of a row of each input.
        tasks: In the order they came.
        rows: Of all of them.
    """

    born: float
    dtypes: tuple[np.dtype, ...]
    shapes: tuple[tuple[int, ...], ...]
    tasks: list[Task] = field(default_factory=list)
    rows: int = 0

    def add(self, task: Task) -> None:
        """Puts a task at the end."""
        self.tasks.append(task)
        self.rows += task.rows

    def remove(self, task: Task) -> None:
        """Takes a task out again."""
        self.tasks.remove(task)
        self.rows -= task.rows


class Queue:
    """What waits for one runner, with the same inputs and outputs; not thread-safe.

    Args:
        runner: Computes.
        names: Of the inputs.
        fetches: Names of the outputs.
        options: How requests are merged.
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

        Args:
            task: It; it is large if it has more rows than a batch.
            now: Time of ``time.monotonic``.

        Returns:
            The task, or its pieces.

        Raises:
            Refusal: With TF Serving's code and message; nothing was put.
        """
        options = self._options
        if task.rows > options.max_batch_size:
            raise invalid(
                f"Task size {task.rows} is larger than maximum input batch size "
                f"{options.max_batch_size}"
            )
        dtypes = tuple(task.feeds[name].dtype for name in self.names)
        shapes = tuple(task.feeds[name].shape[1:] for name in self.names)
        open_batch = self._open(dtypes, shapes)
        room = options.rows - open_batch.rows if open_batch is not None else 0
        joins = task.rows <= room or (room and options.max_execution_batch_size)
        if open_batch is not None and joins:
            self._check_shapes(open_batch, shapes)
        pieces = [task]
        if task.rows > room and options.max_execution_batch_size:
            self._check_capacity(task, room)
            pieces = self._pieces(task, room)
        elif task.rows > room and len(self.batches) >= options.max_enqueued_batches:
            raise Refusal(
                grpc.StatusCode.UNAVAILABLE,
                f"{_FULL}currently {len(self.batches)} batches enqueued and "
                f"max_enqueued_batches is {options.max_enqueued_batches}",
            )
        for piece in pieces:
            if open_batch is None or piece.rows > options.rows - open_batch.rows:
                open_batch = Batch(now, dtypes, shapes)
                self.batches.append(open_batch)
            open_batch.add(piece)
        return pieces

    def due(self, batch: Batch) -> float:
        """From when on a batch may be computed."""
        if batch.rows >= self._options.rows or self._is_closed(batch):
            return -math.inf
        return batch.born + self._options.timeout_seconds

    def drop(self, task: Task) -> bool:
        """Takes a task out, if it still waits.

        Returns:
            Whether it did.
        """
        for batch in self.batches:
            if task in batch.tasks:
                batch.remove(task)
                if not batch.tasks:
                    self.batches.remove(batch)
                return True
        return False

    def _open(
        self, dtypes: tuple[np.dtype, ...], shapes: tuple[tuple[int, ...], ...]
    ) -> Batch | None:
        """The batch that tasks of a kind may still join."""
        for batch in reversed(self.batches):
            alike = batch.shapes == shapes or not self._options.mix_lengths
            if batch.dtypes == dtypes and alike:
                return batch
        return None

    def _is_closed(self, batch: Batch) -> bool:
        return self._open(batch.dtypes, batch.shapes) is not batch

    def _check_shapes(self, batch: Batch, shapes: tuple[tuple[int, ...], ...]) -> None:
        for name, other, shape in zip(self.names, batch.shapes, shapes, strict=True):
            if other != shape:
                raise Refusal(
                    grpc.StatusCode.FAILED_PRECONDITION, _DIFFERENT.format(name)
                )

    def _check_capacity(self, task: Task, room: int) -> None:
        options, rows = self._options, self._options.rows
        capacity = (options.max_enqueued_batches - len(self.batches)) * rows + room
        if task.rows > capacity:
            raise Refusal(
                grpc.StatusCode.UNAVAILABLE,
                f"{_FULL}task size is {task.rows} but scheduling capacity is only "
                f"{capacity} (num_enqueued_batches={len(self.batches)}, "
                f"max_enqueued_batches={options.max_enqueued_batches}, "
                f"open_batch_size={rows - room}, max_execution_batch_size={rows})",
            )

    def _pieces(self, task: Task, room: int) -> list[Task]:
        """The first fills the open batch, the others are as large as allowed."""
        bounds = [0, *([room] if room else [])]
        while bounds[-1] < task.rows:
            bounds.append(min(bounds[-1] + self._options.rows, task.rows))
        return [
            Task(
                {name: array[start:stop] for name, array in task.feeds.items()},
                stop - start,
                task.deadline,
                task.since,
            )
            for start, stop in zip(bounds, bounds[1:], strict=False)
        ]
