"""Requests of several callers in one run: nobody sees the others."""

from __future__ import annotations

import math
import threading
import time

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import serving
from serving.embedded import BatchingOptions, Server, ServerOptions
from serving.embedded.batching import BatchingRunner, Scheduler, read_options
from serving.embedded.batching.queue import Queue, Task
from serving.embedded.refusal import Refusal
from serving.embedded.session import SavedModelSession
from serving.embedded.text_config import ConfigError

DIFFERENT = (
    "Tensors with name 'serving_default_a:0' from different tasks have different "
    "shapes and padding is turned off. Set pad_variable_length_inputs to true, or "
    "ensure that all tensors with the same name have equal dimensions starting with "
    "the first dim."
)
FULL = "The batch scheduling queue to which this task was submitted is full; "


def strings(*items):
    array = np.empty(len(items), object)
    array[:] = [item.encode() for item in items]
    return array


@pytest.fixture(scope="module")
def upper(toys):
    return SavedModelSession(toys / "upper" / "1")


@pytest.fixture(scope="module")
def numbers(toys):
    return SavedModelSession(toys / "numbers" / "1")


def names(session, signature, inputs, outputs):
    found = session.signatures[signature]
    return (
        [found.inputs[name].name for name in inputs],
        [found.outputs[name].name for name in outputs],
    )


class Gated:
    """A session that waits to be let on, and notes how many rows it is fed."""

    def __init__(self, session):
        self.session = session
        self.rows = []
        self.timeouts = []
        self.entered, self.go = threading.Semaphore(0), threading.Event()

    def run(self, feeds, fetches, timeout_ms=0):
        self.rows.append(len(next(iter(feeds.values()))))
        self.timeouts.append(timeout_ms)
        self.entered.release()
        assert self.go.wait(60)
        return self.session.run(feeds, fetches, timeout_ms)


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


class Call:
    """A run in a thread of its own."""

    def __init__(self, runner, feeds, fetches, timeout_ms=0):
        self.values = self.error = None
        self._given = (runner, feeds, fetches, timeout_ms)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        runner, *given = self._given
        try:
            self.values = runner.run(*given)
        except Refusal as refusal:
            self.error = refusal

    def join(self):
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self


def wait_for(scheduler, rows):
    """Returns once so many rows wait."""
    while True:
        with scheduler._changed:
            queues = scheduler._queues.values()
            if sum(b.rows for queue in queues for b in queue.batches) == rows:
                return
        threading.Event().wait(0.001)


class Room:
    """A batching runner over ``upper`` whose only thread is held in its first run."""

    def __init__(self, scheduler, session):
        self.scheduler, self.gate = scheduler, Gated(session)
        self.runner = BatchingRunner(self.gate, scheduler)
        self.inputs, self.outputs = names(
            session, "serving_default", ["text"], ["text", "log_prob"]
        )
        self.waiting = 0
        self.first = self.call("first", waits=False)
        assert self.gate.entered.acquire(timeout=60)

    def call(self, *texts, timeout_ms=0, waits=True, fetches=None):
        feeds = {self.inputs[0]: strings(*texts)}
        call = Call(self.runner, feeds, fetches or self.outputs, timeout_ms)
        if waits:
            self.waiting += len(texts)
            wait_for(self.scheduler, self.waiting)
        return call

    def open(self):
        self.gate.go.set()


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


# Which request joins which batch.


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
    assert [(b.rows, b.shapes) for b in waiting.batches] == [
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


# Nobody sees the others.


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
    floats, doubled = names(
        numbers, "serving_default", ["a", "n"], ["two_a", "two_n"]
    )
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


# Files and flags.


def written(path, text):
    path.write_text(text)
    return path


def test_a_file_of_parameters(tmp_path):
    text = """
    max_batch_size { value: 16 }
    batch_timeout_micros { value: 2500 }
    max_enqueued_batches { value: 7 }
    num_batch_threads { value: 3 }
    thread_pool_name { value: "x" }
    allowed_batch_sizes: [4, 16]
    pad_variable_length_inputs: true
    """
    assert read_options(written(tmp_path / "b.txt", text)) == BatchingOptions(
        max_batch_size=16,
        timeout_seconds=0.0025,
        max_enqueued_batches=7,
        threads=3,
        allowed_batch_sizes=(4, 16),
        mix_lengths=True,
    )
    assert read_options(written(tmp_path / "b.txt", "")) == BatchingOptions()
    split = "enable_large_batch_splitting { value: true } max_batch_size { value: 9 }"
    assert read_options(written(tmp_path / "b.txt", split)).rows == 9
    split += " max_execution_batch_size { value: 3 }"
    assert read_options(written(tmp_path / "b.txt", split)).rows == 3


@pytest.mark.parametrize(
    "text, message",
    [
        ("max_batch_size: 3", "b.txt:1:17: "),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("max_enqueued_batches { value: 0 }", "max_enqueued_batches must be positive"),
        ("num_batch_threads { value: -1 }", "num_batch_threads must be positive"),
        ("batch_timeout_micros { value: -5 }", "must be non-negative; was -5"),
        ("allowed_batch_sizes: [4, 2, 1000]", "monotonically increasing; were 4, 2"),
        ("allowed_batch_sizes: [0, 1000]", "must be positive"),
        (
            "allowed_batch_sizes: [4, 8]",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry "
            "was 8; expected 1000",
        ),
        (
            "enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 2000 }",
            "at most max_batch_size=1000; was 2000",
        ),
    ],
)
def test_parameters_that_make_no_sense(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        read_options(written(tmp_path / "b.txt", text))
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "b.txt"))
    assert "\n" not in str(caught.value)


def test_a_server_that_merges(toys):
    options = ServerOptions(
        host="127.0.0.1",
        port=0,
        threads=16,
        poll_seconds=0,
        batching=BatchingOptions(timeout_seconds=0.005),
    )
    with Server({"upper": toys / "upper"}, options) as server:
        target = f"127.0.0.1:{server.port}"
        answers = {}

        def ask(name):
            with serving.Client(target, model="upper", timeout=20) as client:
                texts = [f"{name}-{turn}" for turn in range(10)]
                answers[name] = [client.predict([text])[0].text for text in texts]
                aligned = client.align([name, f"{name} b"])
                answers[name] += [aligned[0].tokens, aligned[1].tokens]

        threads = [threading.Thread(target=ask, args=(f"t{n}",)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name, found in answers.items():
        upper = name.upper()
        assert found[:10] == [f"{upper}-{turn}" for turn in range(10)]
        assert [list(tokens) for tokens in found[10:]] == [[upper], [upper, "B"]]
    assert len(answers) == 12


def test_batching_by_flags(toys, tmp_path, start):
    file = written(tmp_path / "b.txt", "max_batch_size { value: 2 }")
    flags = ("--enable_batching", f"--batching_parameters_file={file}")
    with start(f"--model_base_path={toys / 'upper'}", *flags) as process:
        with serving.Client(process.target, model="default") as client:
            assert client.predict(["a", "b"])[1].text == "B"
            with pytest.raises(serving.errors.InvalidRequest, match="Task size 3 is"):
                client.predict(["a", "b", "c"])
