"""Very many calls at once, from a process of their own.

``python -m tests.reliability.flood gRPC|REST PORT COUNT`` says ``begin`` when it does,
and then how many seconds each call took, by its status, as JSON.
"""

from __future__ import annotations

import asyncio
import collections
import json
import sys
import threading
import time

import aiohttp
import grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.reliability.watched import texts

ROUNDS = 500


def spin(rounds=ROUNDS):
    """A request that takes some milliseconds to compute."""
    request = texts("spin", b"a")
    request.inputs["rounds"].dtype = 3  # DT_INT32
    request.inputs["rounds"].tensor_shape.dim.add(size=1)
    request.inputs["rounds"].int_val.append(rounds)
    return request


def over_grpc(port, count):
    request, ended, noted = spin(), {}, threading.Semaphore(0)

    def end(index):
        ended[index] = time.monotonic()
        noted.release()

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        alone = [seconds_of(lambda: stub.Predict(request)) for _ in range(3)]
        print("begin", flush=True)
        began, calls, starts = time.monotonic(), [], []
        for index in range(count):
            starts.append(time.monotonic())
            call = stub.Predict.future(request, timeout=120)
            call.add_done_callback(lambda _, index=index: end(index))
            calls.append(call)
        sent = time.monotonic() - began
        codes = [call.code().name for call in calls]
        for _ in range(count):
            noted.acquire()
    seconds = collections.defaultdict(list)
    for index, code in enumerate(codes):
        seconds[code].append(ended[index] - starts[index])
    return {"alone": min(alone), "sent": sent, "seconds": seconds}


def seconds_of(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began


async def over_rest(port, count):
    body = json.dumps({"inputs": {"text": ["a"], "rounds": [ROUNDS]}})
    url = f"http://127.0.0.1:{port}/v1/models/spin:predict"
    headers = {"Content-Type": "application/json"}
    last_start = [0.0]

    async def ask(session):
        began = last_start[0] = time.monotonic()
        async with session.post(url, data=body, headers=headers) as response:
            await response.read()
            return str(response.status), time.monotonic() - began

    connector = aiohttp.TCPConnector(limit=0)
    limits = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=limits) as session:
        alone = [(await ask(session))[1] for _ in range(3)]
        print("begin", flush=True)
        began = time.monotonic()
        found = await asyncio.gather(*(ask(session) for _ in range(count)))
    seconds = collections.defaultdict(list)
    for status, second in found:
        seconds[status].append(second)
    return {"alone": min(alone), "sent": last_start[0] - began, "seconds": seconds}


def main(kind, port, count):
    if kind == "gRPC":
        found = over_grpc(int(port), int(count))
    else:
        found = asyncio.run(over_rest(int(port), int(count)))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
