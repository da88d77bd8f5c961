"""Which request joins which batch."""

from __future__ import annotations

import math

import grpc
import numpy as np
import pytest

from serving.server import BatchingOptions
from serving.server.batching.queue import Queue, Task
from serving.server.refusal import Refusal

DIFFERENT = (
    "Tensors with name 'serving_default_a:0' from different tasks have different "
    "shapes and padding is turned off. Set pad_variable_length_inputs to true, or "
    "ensure that all tensors with the same name have equal dimensions starting with "
    "the first dim."
)


def queue(**options):
    return Queue(None, ("serving_default_a:0",), ("y",), BatchingOptions(**options))


def task(rows, width=2, dtype=np.float32):
    return Task({"serving_default_a:0": np.ones((rows, width), dtype)}, rows)


def test_another_shape_is_refused_and_its_mates_are_not():
    waiting = queue()
    waiting.put(task(1), 0.0)
    with pytest.raises(Refusal) as caught:
        waiting.put(task(1, width=3), 0.0)
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.message == DIFFERENT
    waiting.put(task(2), 0.0)
    assert [batch.rows for batch in waiting.batches] == [3]


def test_another_shape_is_refused_for_pieces_too():
    waiting = queue(max_batch_size=9, max_execution_batch_size=3)
    waiting.put(task(1), 0.0)
    with pytest.raises(Refusal, match="different shapes"):
        waiting.put(task(4, width=3), 0.0)
    assert [batch.rows for batch in waiting.batches] == [1]


def test_mixed_lengths_wait_in_batches_of_their_own():
    waiting = queue(mix_lengths=True, max_batch_size=4)
    for width in (2, 3, 2, 3, 2, 5):
        waiting.put(task(1, width), 0.0)
    assert [(b.rows, b.kind.shapes) for b in waiting.batches] == [
        (3, ((2,),)),
        (2, ((3,),)),
        (1, ((5,),)),
    ]
    waiting.put(task(3, 2), 1.0)
    due = [waiting.due(batch) for batch in waiting.batches]
    assert due == [-math.inf, 0.0, 0.0, 1.0]  # the first can take nobody any more


def test_dtypes_never_meet():
    waiting = queue()
    for dtype in (np.float32, np.int32, np.float32):
        waiting.put(task(1, dtype=dtype), 0.0)
    assert [batch.rows for batch in waiting.batches] == [2, 1]
