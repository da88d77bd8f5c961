"""Compaction: rows that have ended are left out of the steps of the others.

A search runs in stages. A stage ends as soon as half of its rows have ended, and the
next one is given the others alone: their memory, their options and what they carry.
A row's place in the batch is what it was in all that comes out.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops, tree

from keras_attention.backend.gather import gather
from keras_attention.backend.loop import in_dynamic_graph, stages, unfold
from keras_attention.decoder.context_products import many_steps
from keras_attention.layer_support.types import Mask, Nested, Size, Tensor

# Hypotheses below which a step takes hardly less time for fewer.
_WORTHWHILE = 8


def at_rows(x: Nested, rows: Tensor) -> Any:
    """Some rows of tensors `[B, ...]`."""
    return tree.map_structure(lambda one: gather(one, rows), x)


class RowSearch(NamedTuple):
    """A search as compaction sees it.

    Attributes:
        step_over: Given what no step changes, of some rows, the step that `unfold`
            takes.
        ended: Of what a step carries, which rows have ended, `[B]`.
        answers: What of it is wanted in the end, tensors `[B, ...]`, which no step
            changes once the row has ended.
        at_rows: The same for some rows.
    """

    step_over: Callable[[Nested], Callable[..., Any]]
    ended: Callable[[Nested], Mask]
    answers: Callable[[Nested], Nested]
    at_rows: Callable[[Nested, Tensor], Any] = at_rows


class _Stage(NamedTuple):
    """A batch of the rows that are left.

    Attributes:
        time: Steps so far.
        rows: `[b]`, which rows of all these are.
        place: `[B]`, where each row of all is among these, b where it has left.
        fixed: What no step changes.
        carried: What steps carry.
        answers: `[B, ...]`, of the rows that have left.
    """

    time: Tensor
    rows: Tensor
    place: Tensor
    fixed: Nested
    carried: Nested
    answers: Nested


def unfold_rows(
    search: RowSearch,
    fixed: Nested,
    carried: Nested,
    bound: Tensor,
    room: Size,
    batch_size: Size,
    slots: Size | None,
) -> tuple[Any, Any, Any]:
    """Run a search until all rows have ended.

    Args:
        fixed: Tensors `[B, ...]` that no step changes.
        carried: What the first step is given.
        bound: Most steps.
        room: As for `unfold`.
        batch_size: B.
        slots: K, hypotheses of a row; None where rows cannot be left out.

    Returns:
        The answers `[B, ...]`, what the steps emitted `[T, B, ...]` (zeros for rows
        that had left) and their number.
    """

    def unfinished(carried: Nested) -> Tensor:
        return ~ops.all(search.ended(carried))

    most = batch_size * slots if slots is not None else 0
    if (isinstance(most, int) and most < _WORTHWHILE) or not in_dynamic_graph():
        with many_steps():
            step = search.step_over(fixed)
        carried, emitted, steps = unfold(step, carried, unfinished, bound, room)
        return search.answers(carried), emitted, steps

    def stage(now: _Stage) -> tuple[_Stage, Nested]:
        with many_steps():
            step = search.step_over(now.fixed)
        number = ops.shape(now.rows)[0]
        few = ops.where(number * slots < _WORTHWHILE, 0, number // 2)

        def unfinished(carried: Nested) -> Tensor:
            return ops.sum(ops.cast(~search.ended(carried), "int32")) > few

        carried, emitted, steps = unfold(
            lambda t, carried: step(now.time + t, carried),
            now.carried,
            unfinished,
            bound - now.time,
        )
        index = ops.expand_dims(now.rows, 1)
        answers = tree.map_structure(
            lambda of_all, new: ops.scatter_update(of_all, index, new),
            now.answers,
            search.answers(carried),
        )
        left = ops.cast(ops.nonzero(~search.ended(carried))[0], "int32")
        rows = gather(now.rows, left)
        place = ops.scatter_update(
            ops.zeros_like(now.place) + ops.shape(rows)[0],
            ops.expand_dims(rows, 1),
            ops.arange(ops.shape(rows)[0], dtype="int32"),
        )
        after = _Stage(
            now.time + steps,
            rows,
            place,
            at_rows(now.fixed, left),
            search.at_rows(carried, left),
            answers,
        )
        return after, tree.map_structure(lambda x: _spread(x, now.place), emitted)

    every = ops.arange(batch_size, dtype="int32")
    first = _Stage(
        ops.convert_to_tensor(0, dtype="int32"),
        every,
        every,
        fixed,
        carried,
        search.answers(carried),
    )
    last, emitted = stages(stage, first, lambda now: ops.shape(now.rows)[0] > 0)
    return last.answers, emitted, last.time


def _spread(x: Tensor, place: Tensor) -> Any:
    """`[T, b, ...]` to `[T, B, ...]`, zeros where a row has left."""
    nothing = ops.zeros_like(x[:, :1])
    return ops.take(ops.concatenate([x, nothing], axis=1), place, axis=1)
