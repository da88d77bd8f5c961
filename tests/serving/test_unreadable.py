"""Requests that are no messages leave nothing behind."""

from __future__ import annotations

import gc
import logging

import grpc
import pytest
from grpc import _server  # what it keeps is what this is about

from serving.server import Server, ServerOptions

REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
METHODS = [
    "/tensorflow.serving.PredictionService/Predict",
    "/tensorflow.serving.ModelService/GetModelStatus",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    REFLECTION,
]
NO_MESSAGE = b"\xff\xff\xff"


def states():
    gc.collect()
    return sum(type(thing) is _server._RPCState for thing in gc.get_objects())


def ask(channel, method):
    if method == REFLECTION:
        return list(channel.stream_stream(method)(iter([NO_MESSAGE]), timeout=20))
    if method.endswith("Watch"):
        return list(channel.unary_stream(method)(NO_MESSAGE, timeout=20))
    return channel.unary_unary(method)(NO_MESSAGE, timeout=20)


def test_they_are_refused_forgotten_and_not_waited_for(toys, caplog):
    options = ServerOptions(host="127.0.0.1", port=0, threads=2, poll_seconds=0)
    server = Server({"upper": toys / "upper"}, options)
    server.start()
    try:
        with caplog.at_level(logging.DEBUG):
            with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                before = states()
                for method in METHODS:
                    for _ in range(5):
                        with pytest.raises(grpc.RpcError) as caught:
                            ask(channel, method)
                        assert caught.value.code() is grpc.StatusCode.INTERNAL, method
                # The last ones may still be on their way out.
                assert states() - before < 5
        assert "Traceback" not in caplog.text
    finally:
        server.stop()  # without an end to its patience
