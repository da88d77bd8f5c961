"""The command line: real processes, real signals."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading

import grpc
import numpy as np
import pytest

import serving
from serving.errors import ServingError
from tests.alignment_report.reading import report_rows
from tests.serving.conftest import ROOT, environment, free_port
from tests.serving.toys import without_index


@pytest.fixture(scope="module")
def upper(toys, start):
    """A server process with the model ``upper``."""
    with start(
        f"--model_base_path={toys / 'upper'}", "--model_name", "upper"
    ) as process:
        yield process


def test_ready_line_can_be_read_by_machines(upper):
    words = upper.ready_line.split()
    assert words[0] == "ready"
    found = dict(word.split("=") for word in words[1:])
    assert found == {
        "engine": "embedded",
        "host": "127.0.0.1",
        "port": str(upper.port),
        "model": "upper",
        "version": "1",
    }


def test_predict_prints_answers(upper, cli):
    ask = ("predict", "--server", upper.target, "--model=upper")
    assert cli(*ask, "hello", "a b") == (0, "HELLO\nA B\n", "")
    assert cli(*ask, stdin="one\ntwo\r\n") == (0, "ONE\nTWO\n", "")
    optioned = cli(*ask, "--option", "times=2", "--option", "suffix=?", "x")
    assert optioned == (0, "X??\n", "")
    # Text that JSON takes for a number is text where the signature wants text.
    assert cli(*ask, "--option", "suffix=7", "x") == (0, "X7\n", "")


def test_predict_writes_a_report(upper, cli, tmp_path):
    path = tmp_path / "report.html"
    ask = ("predict", f"--server={upper.target}", "--model=upper", f"--report={path}")
    assert cli(*ask, "a bc", "é") == (0, "A BC\né\n", "")
    first, second = report_rows(path)
    assert first["pieces"] == [["a", ""], [" ", ""], ["bc", ""]]
    assert first["most"] == [1, 0] and first["spans"] == [[0, 1], [2, 3]]
    assert second["references"] == [] and second["error"] is None


def test_predict_prints_everything_as_json(upper, cli):
    status, out, _ = cli(
        "predict", f"--server={upper.target}", "--model=upper", "--json", "a bc"
    )
    assert status == 0
    assert json.loads(out) == {
        "source": "a bc",
        "text": "A BC",
        "log_prob": -2.0,
        "tokens": ["A", "BC"],
        "source_tokens": ["a", "bc"],
        "source_offsets": [[0, 1], [2, 4]],
        "alignment": [[0.0, 1.0], [1.0, 0.0]],
    }


def test_n_best_prints_answers_best_first(upper, cli):
    ask = ("n-best", f"--server={upper.target}", "--model=upper")
    option = ("--option", "alternatives=2")
    lines = "0\t-0.5000\tA\n0\t-1.5000\tA?\n1\t-0.5000\tB\n1\t-1.5000\tB?\n"
    assert cli(*ask, *option, "a", "b") == (0, lines, "")
    status, out, _ = cli(*ask, "--json", stdin="é\n")
    (line,) = map(json.loads, out.splitlines())
    assert status == 0 and line["source"] == "é"
    assert [one["text"] for one in line["answers"]] == ["é", "é?", "é??"]
    fails(cli(*ask, "--option=times=1", "x"), "Expected: any of ['alternatives']")


def test_score_prints_log_probabilities(upper, cli):
    ask = ("score", f"--server={upper.target}", "--model=upper")
    assert cli(*ask, "a", "xx", "b", "y zzz") == (0, "-2.0000\n-4.0000\n", "")
    status, out, _ = cli(*ask, "--json", stdin="a\ty zzz\n")
    assert status == 0
    assert json.loads(out) == {
        "source": "a",
        "target": "y zzz",
        "log_prob": -4.0,
        "tokens": ["y", "zzz"],
        "token_log_probs": [-1.0, -3.0],
    }
    fails(cli(*ask, "a"), "Expected: pairs. Received: 1 words")
    fails(
        cli(*ask, stdin="a\tb\nc\n"),
        "line 2 must be a pair. Expected: TEXT, a tab",
    )


def test_status_prints_versions(upper, cli):
    ask = ("status", f"--server={upper.target}", "--model=upper")
    assert cli(*ask) == (0, "1\tAVAILABLE\n", "")
    assert json.loads(cli(*ask, "--json")[1])["state"] == "AVAILABLE"


def fails(result, *words):
    """Exactly one line, with these words, and a non-zero status."""
    status, out, errors = result
    assert status == 1 and out == ""
    assert errors.count("\n") == 1 and errors.startswith("keras-attention-serving: ")
    for word in words:
        assert word in errors
    return errors


def test_client_commands_fail_in_one_line(upper, cli):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{reserved.getsockname()[1]}"
        result = cli("status", f"--server={nobody}", "--model=m", "--timeout=5")
        fails(result, f"no server answers at {nobody}")
    ask = ("predict", f"--server={upper.target}")
    fails(cli(*ask, "--model=nope", "x"), "Latest(nope)")
    fails(cli(*ask, "--model=upper", "--option=x", "x"), "Expected: NAME=VALUE")
    fails(cli(*ask, "--model=upper", "--option=x=1", "x"), "Received: ['x']")


def test_two_servers_on_one_port(upper, toys, cli):
    result = cli(
        "serve",
        "--host=127.0.0.1",
        f"--port={upper.port}",
        f"--model_base_path={toys / 'upper'}",
    )
    fails(result, f"cannot listen on 127.0.0.1:{upper.port}", "another server")


@pytest.mark.parametrize(
    "flags, words",
    [
        ([], ["--model_base_path", "--model_config_file", "Received: nothing"]),
        (["--model_base_path=/nowhere"], ["/nowhere does not exist"]),
        ([f"--model_base_path=/{'m' * 300}"], ["cannot be read: File name too long"]),
        (["--model_base_path=BROKEN"], ["version 1", "cannot be loaded: OUT_OF_RANGE"]),
        (["--model_base_path=CUT"], ["version 1", "variables.index is missing"]),
        (
            ["--model_base_path=GOOD", "--rest_api_port=-1"],
            ["rest_api_port must be"],
        ),
        (
            ["--model_base_path=GOOD", "--port=8500", "--rest_api_port=8500"],
            ["Expected: two", "8500"],
        ),
        (
            ["--model_base_path=GOOD", "--monitoring_config_file=x"],
            ["needs --rest_api_port"],
        ),
        (["--model_base_path=GOOD", "--ui"], ["--ui needs --rest_api_port"]),
        (
            ["--model_base_path=GOOD", "--batching_parameters_file=x"],
            ["without --enable_batching"],
        ),
        (["--model_base_path=GOOD", "--host=256.0.0.1"], ["listen on 256.0.0.1"]),
        (["--model_base_path=GOOD", "--port=70000"], ["Expected: 0 to 65535"]),
        (["--model_base_path=GOOD", "--grpc_max_threads=0"], ["Expected: at least 1"]),
        (
            [
                "--model_base_path=GOOD",
                "--tensorflow_session_parallelism=1",
                "--tensorflow_inter_op_parallelism=1",
            ],
            ["excludes"],
        ),
    ],
)
def test_serve_fails_in_one_line(toys, tmp_path, cli, flags, words):
    good = toys / "upper"
    shutil.copytree(good, tmp_path / "broken")
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"\x0a\xff")
    without_index(good / "1", tmp_path / "cut" / "1")
    places = {"GOOD": good, "BROKEN": tmp_path / "broken", "CUT": tmp_path / "cut"}
    for name, place in places.items():
        flags = [flag.replace(name, str(place)) for flag in flags]
    fails(cli("serve", "--host=127.0.0.1", *flags), *words)


@pytest.mark.parametrize(
    "missing, advice",
    [
        ("tensorflow", "TensorFlow is not installed: pip install"),
        ("grpc_health", "grpc_health is not installed: pip install"),
        ("aiohttp", "aiohttp is not installed: pip install"),
        ("prometheus_client", "prometheus_client is not installed: pip install"),
    ],
)
def test_missing_extra_says_what_to_install(toys, tmp_path, missing, advice):
    config = tmp_path / "monitoring.config"
    config.write_text("prometheus_config { enable: true }")
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: (\n"
        f"    None if name == {missing!r} else find(name, package))\n"
        "from serving.__main__ import main\n"
        "sys.exit(main())\n"
    )
    words = ["serve", "--host=127.0.0.1", "--port=0"]
    words.append(f"--model_base_path={toys / 'upper'}")
    words += [f"--rest_api_port={free_port()}", f"--monitoring_config_file={config}"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        cwd=ROOT,
    )
    extra = "tensorflow" if missing == "tensorflow" else "server"
    errors = fails((done.returncode, done.stdout, done.stderr), advice)
    assert f"keras-attention-seq2seq[{extra}]" in errors


def test_unknown_and_idle_flags_are_warned_about(toys, start):
    with start(
        "--model_base_path",
        str(toys / "upper"),
        "--no_such_flag=1",
        "--num_unload_threads=2",
        "--enable_grpc_healthcheck_service=false",
        "--rest_api_enable_cors_support",
    ) as process:
        assert process.port
        with grpc.insecure_channel(process.target) as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            with pytest.raises(grpc.RpcError) as caught:
                check(b"", timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        process.send(signal.SIGTERM)
        status, errors = process.wait()
    assert status == 0
    assert "WARNING unknown argument: --no_such_flag=1" in errors
    assert "WARNING --num_unload_threads has no effect" in errors
    assert "WARNING --rest_api_enable_cors_support has no effect" in errors


def test_graphs_that_demand_xla_may_have_it(toys, start):
    flag = f"--model_base_path={toys / 'compiled'}"
    with start(flag) as process:
        with serving.Client(process.target, model="default") as client:
            found = client.call({"x": np.ones(2, np.float32)})["y"]
            np.testing.assert_array_equal(found, [2, 2])


class Held:
    """A call in flight that ends when ``open`` is called."""

    def __init__(self, target, folder):
        self.folder, self.answer = folder, None
        self._thread = threading.Thread(target=self._ask, args=(target,))
        self._thread.start()
        while not (folder / "started").exists():
            self._thread.join(0.01)
            assert self._thread.is_alive(), self.answer

    def _ask(self, target):
        inputs = {name: [str(self.folder / name)] for name in ("text", "started", "go")}
        with serving.Client(target, model="default", timeout=40) as client:
            try:
                self.answer = client.call(inputs)["text"].tolist()
            except ServingError as error:
                self.answer = error

    def open(self):
        (self.folder / "go").touch()

    def join(self):
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.answer


def wait_until_refused(target):
    """Returns once the server takes no new calls."""
    retry = serving.Retry(attempts=1)
    while True:
        with serving.Client(target, model="default", retry=retry) as client:
            try:
                client.status(timeout=10)
            except ServingError:
                return


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_finishes_calls_in_flight(toys, tmp_path, start, number):
    with start(f"--model_base_path={toys / 'gate'}") as process:
        held = Held(process.target, tmp_path)
        process.send(number)
        wait_until_refused(process.target)
        held.open()
        assert held.join() == [str(tmp_path / "text")]
        status, errors = process.wait()
    assert status == 0
    assert errors == "INFO engine=embedded\n"


def test_second_signal_ends_at_once(toys, tmp_path, start):
    with start(f"--model_base_path={toys / 'gate'}") as process:
        held = Held(process.target, tmp_path)
        process.send(signal.SIGTERM)
        wait_until_refused(process.target)
        process.send(signal.SIGTERM)
        status, _ = process.wait()
        assert status == 128 + signal.SIGTERM
        assert isinstance(held.join(), ServingError)


def test_calls_that_outlast_the_grace_are_cut_off(toys, tmp_path, start):
    flags = (f"--model_base_path={toys / 'gate'}", "--drain_seconds=0.2")
    with start(*flags) as process:
        held = Held(process.target, tmp_path)
        process.send(signal.SIGTERM)
        status, _ = process.wait()
        assert status == 0
        assert isinstance(held.join(), ServingError)
