"""Ten thousand requests while versions come, fail and go: none of them fails."""

from __future__ import annotations

import collections
import http.client
import json
import shutil
import threading
import time

import grpc
import pytest
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from tests.reliability.figures import keep, milliseconds, quantile
from tests.reliability.watched import POLLING, texts, watched
from tests.serving.toys import save_upper, without_index

pytestmark = pytest.mark.reliability
REQUESTS = 10_000
EXPECTED = {1: "X", 2: "v2 X"}


class Asking:
    """Threads that ask until they are told to stop, and note every answer."""

    def __init__(self, server):
        self.versions = collections.Counter()
        self.wrong, self.seconds = [], []
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._server = server
        kinds = [self._grpc] * 6 + [self._rest] * 2
        self._threads = [threading.Thread(target=self._ask, args=(k,)) for k in kinds]
        for thread in self._threads:
            thread.start()

    def until(self, condition):
        """Waits, but not when something has gone wrong."""
        while not condition() and not self.wrong:
            threading.Event().wait(0.005)

    def stop(self):
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, kind):
        try:
            for version, text in kind():
                # REST does not say which version it was.
                may = EXPECTED.values() if version is None else [EXPECTED.get(version)]
                if text not in may:
                    self.wrong.append((version, text))
                with self._lock:
                    self.versions[version] += 1
        except Exception as error:
            self.wrong.append(error)

    def _grpc(self):
        with grpc.insecure_channel(self._server.target) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not self._done.is_set():
                began = time.perf_counter()
                answer = stub.Predict(texts("m", b"x"), timeout=60)
                self.seconds.append(time.perf_counter() - began)
                text = answer.outputs["text"].string_val[0].decode()
                yield answer.model_spec.version.value, text

    def _rest(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._server.rest_port)
        body = json.dumps({"instances": ["x"]})
        while not self._done.is_set():
            began = time.perf_counter()
            connection.request("POST", "/v1/models/m:predict", body)
            answer = connection.getresponse()
            content = json.loads(answer.read())
            self.seconds.append(time.perf_counter() - began)
            if answer.status != 200:
                raise AssertionError(content)
            yield None, content["predictions"][0]["text"]
        connection.close()


@pytest.mark.parametrize(
    "flags", [(), ("--enable_batching",)], ids=["plain", "batching"]
)
def test_no_request_fails_while_versions_change(model, tmp_path, flags):
    base, two = tmp_path / "m", tmp_path / "two"
    shutil.copytree(model("upper") / "1", base / "1")
    save_upper(two, "v2 ")
    poll = "--file_system_poll_wait_seconds=0.05"
    with watched({"m": base}, tmp_path, poll, *flags) as server:
        asking = Asking(server)
        asking.until(lambda: len(asking.seconds) > REQUESTS // 5)
        two.rename(base / "2")
        asking.until(lambda: asking.versions[2] > REQUESTS // 5)
        without_index(base / "1", base / "3")
        asking.until(lambda: has_failed(server, 3))
        since = len(asking.seconds)
        asking.until(lambda: len(asking.seconds) > since + REQUESTS // 5)
        shutil.rmtree(base / "3")
        (base / "2").rename(two)
        before = asking.versions[1]
        asking.until(lambda: asking.versions[1] > before + REQUESTS // 5)
        asking.until(lambda: len(asking.seconds) >= REQUESTS)
        asking.stop()
        server.idle_since(POLLING)
    assert asking.wrong == []
    assert set(asking.versions) == {1, 2, None}
    keep(
        11,
        f"reload under load, {'batching' if flags else 'plain'}",
        "tests/reliability/test_reload.py",
        {
            "requests over gRPC and REST": f"{len(asking.seconds)}",
            "failed, or with another version's answer": f"{len(asking.wrong)}",
            "median, p99 and slowest": ", ".join(
                milliseconds(second)
                for second in (
                    quantile(asking.seconds, 0.5),
                    quantile(asking.seconds, 0.99),
                    max(asking.seconds),
                )
            ),
        },
    )


def has_failed(server, number):
    with grpc.insecure_channel(server.target) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "m"
        lines = stub.GetModelStatus(request, timeout=20).model_version_status
        return any(line.version == number and line.state == line.END for line in lines)
