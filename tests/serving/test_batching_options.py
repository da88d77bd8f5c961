"""Batching by files and flags."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import serving
from serving.messages import session_pb2
from serving.server import BatchingOptions, Server, ServerOptions
from serving.server.batching import read_options
from serving.server.config.text_format import ConfigError
from serving.server.runtime.session import SavedModelSession
from tests.serving.batching_calls import wait_for


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
        ("max_batch_size: 3", "b.txt:2:17: "),
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
        read_options(written(tmp_path / "b.txt", f"# batching\n{text}"))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'b.txt'}:2:")
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


def test_a_full_queue_is_no_missing_server(toys, tmp_path):
    """One call is computed, one waits, and the third finds no place."""
    batching = BatchingOptions(1, max_enqueued_batches=1, threads=1)
    options = ServerOptions(host="127.0.0.1", port=0, threads=4, batching=batching)
    inputs = {name: [str(tmp_path / name)] for name in ("text", "started", "go")}
    with (
        Server({"gate": toys / "gate"}, options) as server,
        serving.Client(
            f"127.0.0.1:{server.port}", model="gate", retry=serving.Retry(attempts=1)
        ) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        calls = [pool.submit(client.call, inputs)]
        while not (tmp_path / "started").exists():
            threading.Event().wait(0.01)
        calls.append(pool.submit(client.call, inputs))
        wait_for(server._scheduler, rows=1)
        with pytest.raises(serving.errors.Overloaded, match="^The batch scheduling"):
            client.call(inputs)
        (tmp_path / "go").touch()
        for call in calls:
            assert call.result(30)["text"] == [str(tmp_path / "text")]


def test_batches_share_the_processors(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    nothing_said = session_pb2.ConfigProto()
    for batches, threads in ((1, 6), (2, 3), (4, 1), (12, 1)):
        shared = BatchingOptions(threads=batches).shared(nothing_said)
        assert shared.intra_op_parallelism_threads == threads
    nothing_said.gpu_options.allow_growth = True
    shared = BatchingOptions(threads=6).shared(nothing_said)
    assert shared.gpu_options.allow_growth
    for name in ("intra_op_parallelism_threads", "inter_op_parallelism_threads"):
        said = session_pb2.ConfigProto(**{name: 5})
        assert BatchingOptions(threads=6).shared(said) == said


def test_a_server_that_merges_loads_with_shared_processors(toys, monkeypatch):
    asked = []

    def load(path, tags, config):
        asked.append(config.intra_op_parallelism_threads)
        return SavedModelSession(path, tags, config)

    monkeypatch.setattr("serving.server.versions.loading.SavedModelSession", load)
    for batching in (None, BatchingOptions(threads=os.cpu_count() or 1)):
        options = ServerOptions(host="127.0.0.1", port=0, batching=batching)
        with Server({"upper": toys / "upper"}, options):
            pass
    assert asked == [0, 1]
