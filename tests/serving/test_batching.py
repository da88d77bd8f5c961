"""Requests of several callers in one run: nobody sees the others."""

from __future__ import annotations

import threading
import time

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server import BatchingOptions
from serving.server.batching import BatchingRunner, Scheduler
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from tests.serving.batching_calls import Call, Room, names, strings, wait_for

FULL = "The batch scheduling queue to which this task was submitted is full; "


@pytest.fixture(scope="module")
def upper(toys):
    return SavedModelSession(toys / "upper" / "1")


@pytest.fixture(scope="module")
def numbers(toys):
    return SavedModelSession(toys / "numbers" / "1")


@pytest.fixture
def scheduler():
    """Makes schedulers, and ends them."""
    made = []

    def make(**options):
        made.append(Scheduler(BatchingOptions(**({"threads": 1} | options))))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_what_waits_is_computed_together(scheduler, upper):
    room = Room(scheduler(), upper)
    calls = [room.call("a"), room.call("b", "c"), room.call("d")]
    room.open()
    found = [call.join().values for call in calls]
    assert [text.tolist() for text, _ in found] == [[b"A"], [b"B", b"C"], [b"D"]]
    assert [log_prob.tolist() for _, log_prob in found] == [[-0.5], [-0.5] * 2, [-0.5]]
    assert room.gate.rows == [1, 4]
    assert room.first.join().values[0].tolist() == [b"FIRST"]


def test_outputs_come_in_the_order_asked_for(scheduler, upper):
    room = Room(scheduler(), upper)
    text, log_prob = room.outputs
    calls = [
        room.call("a"),
        room.call("b", fetches=[log_prob, text, text]),
        room.call("c", fetches=[text]),
    ]
    room.open()
    assert calls[1].join().values[0].tolist() == [-0.5]
    assert calls[1].values[2].tolist() == [b"B"]
    assert [len(call.join().values) for call in calls] == [2, 3, 1]
    assert room.gate.rows == [1, 2, 1]  # other outputs, another queue


def test_batches_are_not_larger_than_allowed(scheduler, upper):
    room = Room(scheduler(max_batch_size=3), upper)
    calls = [room.call("a"), room.call("b"), room.call("c", "d"), room.call("e")]
    room.open()
    for call in calls:
        assert call.join().error is None
    assert room.gate.rows == [1, 2, 3]


def test_requests_larger_than_a_batch_are_refused(scheduler, upper):
    runner = BatchingRunner(upper, scheduler(max_batch_size=3))
    inputs, outputs = names(upper, "serving_default", ["text"], ["text"])
    with pytest.raises(Refusal) as caught:
        runner.run({inputs[0]: strings(*"abcd")}, outputs)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.message == (
        "Task size 4 is larger than maximum input batch size 3"
    )


def test_a_full_queue_refuses(scheduler, upper):
    room = Room(scheduler(max_batch_size=2, max_enqueued_batches=2), upper)
    calls = [room.call("a"), room.call("b", "c"), room.call("d", waits=False)]
    refused = calls.pop().join().error
    assert refused.code is grpc.StatusCode.UNAVAILABLE
    assert refused.message == (
        f"{FULL}currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    room.open()
    assert [call.join().error for call in calls] == [None, None]
    assert BatchingRunner.run(
        room.runner, {room.inputs[0]: strings("x")}, room.outputs
    )[0].tolist() == [b"X"]


def test_sizes_are_filled_up_with_a_row_that_is_there(scheduler, upper):
    room = Room(scheduler(max_batch_size=8, allowed_batch_sizes=(2, 8)), upper)
    calls = [room.call("a"), room.call("b", "c")]
    room.open()
    assert [call.join().values[0].tolist() for call in calls] == [[b"A"], [b"B", b"C"]]
    assert room.gate.rows == [2, 8]


def test_large_requests_are_split(scheduler, upper):
    room = Room(scheduler(max_batch_size=9, max_execution_batch_size=3), upper)
    calls = [room.call("x", "y"), room.call(*"abcdefg"), room.call("z")]
    room.open()
    assert calls[1].join().values[0].tolist() == [c.encode() for c in "ABCDEFG"]
    assert calls[0].join().values[0].tolist() == [b"X", b"Y"]
    assert calls[2].join().values[0].tolist() == [b"Z"]
    assert room.gate.rows == [1, 3, 3, 3, 1]


def test_a_split_request_needs_room_for_all_its_pieces(scheduler, upper):
    options = {"max_batch_size": 9, "max_execution_batch_size": 3}
    room = Room(scheduler(**options, max_enqueued_batches=2), upper)
    kept = room.call("x")
    refused = room.call(*"abcdef", waits=False).join().error
    assert refused.message == (
        f"{FULL}task size is 6 but scheduling capacity is only 5 "
        "(num_enqueued_batches=1, max_enqueued_batches=2, open_batch_size=1, "
        "max_execution_batch_size=3)"
    )
    room.open()
    assert kept.join().error is None


def test_pieces_that_do_not_fit_together_say_so(scheduler, upper):
    runner = BatchingRunner(
        upper, scheduler(max_batch_size=4, max_execution_batch_size=1)
    )
    inputs, outputs = names(upper, "align", ["text"], ["tokens"])
    with pytest.raises(Refusal, match="pieces of a large request differ in shape"):
        runner.run({inputs[0]: strings("one", "one two")}, outputs)


def test_a_timeout_in_the_queue(scheduler, upper):
    room = Room(scheduler(), upper)
    late = room.call("late", timeout_ms=50)
    assert late.join().error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert late.error.message == (
        "Run() timeout exceeded while waiting in batching queue"
    )
    room.waiting = 0
    other = room.call("other")
    room.open()
    assert other.join().values[0].tolist() == [b"OTHER"]
    assert room.gate.rows == [1, 1]  # the late one was not computed


def test_a_timeout_in_the_graph_ends_one_wait_only(scheduler, upper):
    room = Room(scheduler(), upper)
    hurried, patient = room.call("a", timeout_ms=200), room.call("b")
    first, second = room.gate.go, threading.Event()
    room.gate.go = second  # the next run waits again
    first.set()
    assert room.gate.entered.acquire(timeout=60)
    assert hurried.join().error.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert hurried.error.message == "Timed out waiting for notification"
    second.set()
    assert patient.join().values[0].tolist() == [b"B"]
    assert room.gate.timeouts == [0, 0]


def test_the_graph_stops_when_nobody_waits_any_more(scheduler, upper):
    room = Room(scheduler(), upper)
    calls = [room.call("a", timeout_ms=30_000), room.call("b", timeout_ms=60_000)]
    room.open()
    assert [call.join().error for call in calls] == [None, None]
    assert 50_000 < room.gate.timeouts[1] <= 60_000


def test_a_batch_waits_for_its_timeout(scheduler, upper):
    patient = scheduler(timeout_seconds=60.0, max_batch_size=3)
    runner = BatchingRunner(upper, patient)
    inputs, outputs = names(upper, "serving_default", ["text"], ["text"])
    feeds = [{inputs[0]: strings(text)} for text in "abc"]
    begin = time.monotonic()
    calls = [Call(runner, each, outputs) for each in feeds]
    assert sorted(call.join().values[0].item() for call in calls) == [b"A", b"B", b"C"]
    assert time.monotonic() - begin < 50
    short = BatchingRunner(upper, scheduler(timeout_seconds=0.1))
    begin = time.monotonic()
    short.run(feeds[0], outputs)
    assert time.monotonic() - begin >= 0.1


def test_one_bad_row_fails_alone(scheduler, upper):
    """Not a tf.Example: the op fails for the whole batch."""
    inputs, outputs = names(upper, "regress", ["inputs"], ["outputs"])
    room = Room(scheduler(), upper)
    good = serving_example(2.0)
    calls = []
    for item in (good, b"\xff not an example", good):
        array = np.empty(1, object)
        array[0] = item
        calls.append(Call(room.runner, {inputs[0]: array}, outputs))
        wait_for(room.scheduler, len(calls))
    room.open()
    assert [call.join().values for call in (calls[0], calls[2])] == [[4.0], [4.0]]
    assert calls[1].join().error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Could not parse example" in calls[1].error.message
    assert room.gate.rows == [1, 3, 1, 2, 1, 1]  # in halves


def serving_example(value):
    from serving.messages import example_pb2

    example = example_pb2.Example()
    example.features.feature["x"].float_list.value.append(value)
    return example.SerializeToString()


@pytest.mark.parametrize(
    "output, message",
    [
        ("sum", "Batched output tensor has 0 dimensions"),
        (
            "shape",
            "Batched output tensor's 0th dimension does not equal the sum of the 0th "
            "dimension sizes of the input tensors",
        ),
    ],
)
def test_outputs_without_rows_are_refused(scheduler, numbers, output, message):
    runner = BatchingRunner(numbers, scheduler())
    inputs, outputs = names(numbers, "total", ["x"], [output])
    with pytest.raises(Refusal) as caught:
        runner.run({inputs[0]: np.ones((3, 2), np.float32)}, outputs)
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.message == message


@pytest.mark.parametrize(
    "feeds, message",
    [
        ({}, "Batching Run() must have at least one input tensor"),
        (
            {"a": np.float32(1)},
            "Batching Run() input tensors must have at least one dimension",
        ),
        (
            {"a": np.ones(2), "b": np.ones(3)},
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
    ],
)
def test_inputs_that_have_no_rows_are_refused(scheduler, numbers, feeds, message):
    runner = BatchingRunner(numbers, scheduler())
    with pytest.raises(Refusal) as caught:
        runner.run({name: np.asarray(value) for name, value in feeds.items()}, ["x"])
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.message == message


def test_no_rows_are_not_merged(scheduler, upper):
    padding = scheduler(max_batch_size=2, allowed_batch_sizes=(2,))
    runner = BatchingRunner(upper, padding)
    inputs, outputs = names(upper, "serving_default", ["text"], ["text", "log_prob"])
    found = runner.run({inputs[0]: strings()}, outputs)
    assert [array.shape for array in found] == [(0,), (0,)]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_batched_answers_equal_unbatched_ones(upper, numbers, data):
    options = BatchingOptions(
        max_batch_size=8,
        threads=data.draw(st.integers(1, 3)),
        timeout_seconds=data.draw(st.sampled_from([0.0, 0.002])),
        allowed_batch_sizes=data.draw(st.sampled_from([(), (8,), (1, 3, 8)])),
        max_execution_batch_size=data.draw(st.sampled_from([0, 3])),
        max_enqueued_batches=1000,
    )
    texts, outputs = names(upper, "serving_default", ["text"], ["text", "log_prob"])
    floats, doubled = names(numbers, "serving_default", ["a", "n"], ["two_a", "two_n"])
    rows = st.integers(0, 8)
    requests = []
    for count in data.draw(st.lists(rows, min_size=1, max_size=12)):
        if data.draw(st.booleans()):
            given = data.draw(st.lists(st.text(), min_size=count, max_size=count))
            requests.append((upper, {texts[0]: strings(*given)}, outputs))
        else:
            start = data.draw(st.integers(-99, 99))
            values = np.arange(start, start + 2 * count, dtype=np.float32)
            feeds = {
                floats[0]: values.reshape(count, 2),
                floats[1]: np.arange(count, dtype=np.int32) + start,
            }
            requests.append((numbers, feeds, doubled))
    scheduler = Scheduler(options)
    runners = {id(each): BatchingRunner(each, scheduler) for each in (upper, numbers)}
    calls = [
        Call(runners[id(session)], feeds, fetches)
        for session, feeds, fetches in requests
    ]
    for call, (session, feeds, fetches) in zip(calls, requests, strict=True):
        assert call.join().error is None
        expected = session.run(feeds, fetches)
        for value, want in zip(call.values, expected, strict=True):
            np.testing.assert_array_equal(value, want)
    scheduler.close()
    assert scheduler._queues == {}


def test_a_closed_scheduler_refuses(scheduler, upper):
    closed = scheduler()
    closed.close()
    inputs, outputs = names(upper, "serving_default", ["text"], ["text"])
    with pytest.raises(Refusal) as caught:
        BatchingRunner(upper, closed).run({inputs[0]: strings("a")}, outputs)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_replaced_model_is_freed(scheduler, toys):
    import gc
    import weakref

    session = SavedModelSession(toys / "upper" / "1")
    runner = BatchingRunner(session, scheduler(threads=2))
    inputs, outputs = names(session, "serving_default", ["text"], ["text"])
    runner.run({inputs[0]: strings("a")}, outputs)
    gone = weakref.ref(session)
    del session, runner
    while gone() is not None:  # until the thread that computed waits again
        gc.collect()
