"""Who watches a server's health: told when it drains, and never in the way."""

from __future__ import annotations

import dataclasses
import itertools
import signal
import threading
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.server import Server
from tests.reliability import http2
from tests.serving.conftest import LOOPBACK

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
WATCH = "/grpc.health.v1.Health/Watch"


def watch(channel, service=""):
    """A stream of statuses, once its first has come; and that one."""
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=service)
    stream = stub.Watch(request, timeout=60)
    return stream, next(stream).status


def rest(stream):
    """What still comes, and how the stream ends."""
    return [message.status for message in stream], stream.code()


def all_gone(health):
    """Whether nobody is remembered any more."""
    with health._changed:
        return health._changed.wait_for(lambda: not health._watchers, 30)


@pytest.fixture
def running(toys):
    """A server without calls; its stop is up to the test."""
    options = dataclasses.replace(LOOPBACK, rest=None)
    server = Server({"upper": toys / "upper"}, options)
    server.start()
    yield server
    server.stop(0)


def test_watchers_are_told_and_let_go(running):
    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        gone, _ = watch(channel)
        gone.cancel()
        found = {
            service: watch(channel, service)
            for service in ("", "PredictionService", "ModelService", "nobody")
        }
        running.stop(30)
        for service, (stream, first) in found.items():
            if service == "nobody":
                assert (first, rest(stream)) == (UNKNOWN, ([], grpc.StatusCode.OK))
            else:
                ended = ([NOT_SERVING], grpc.StatusCode.OK)
                assert (first, rest(stream)) == (SERVING, ended)


@pytest.mark.parametrize("greeted", [False, True])
def test_a_deaf_watcher_is_cut_off(running, greeted):
    """One that takes no message at all, or none after the first."""
    request = health_pb2.HealthCheckRequest().SerializeToString()
    window = 7 if greeted else 0  # the length of the first message
    health = running._health
    with http2.connect(
        running.port,
        http2.settings(window=window),
        http2.begin(1, WATCH),
        http2.message(1, request),
    ):
        while [one.greeted for one in list(health._watchers)] != [greeted]:
            threading.Event().wait(0.01)
        health.drain(seconds=0.1)
        assert all_gone(health)


def test_watchers_come_and_go_at_once(running):
    """A stream that ends while another begins keeps neither from the other."""
    rounds = itertools.repeat(None, 400)

    def come_and_go(channel):
        for _ in rounds:
            stream, first = watch(channel)
            stream.cancel()
            assert first == SERVING

    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        with futures.ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(come_and_go, channel) for _ in range(8)]:
                done.result(60)
    assert all_gone(running._health)


def test_a_drain_does_not_wait_for_watchers(toys, start):
    flags = (f"--model_base_path={toys / 'upper'}", "--drain_seconds=600")
    with start(*flags) as process:
        with grpc.insecure_channel(process.target) as channel:
            stream, first = watch(channel)
            process.send(signal.SIGTERM)
            assert (first, rest(stream)) == (
                SERVING,
                ([NOT_SERVING], grpc.StatusCode.OK),
            )
            assert process.wait() == (0, "INFO engine=embedded\n")
