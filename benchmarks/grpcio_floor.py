"""What grpcio itself adds to a call: a server whose handler does nothing but wait.

No model, no messages to parse, no checks: threads that hand a call to each other, and
HTTP/2. A handler that waits as long as a graph computes shows what it costs that these
threads have been asleep meanwhile.
"""

import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc

_SERVICE, _METHOD = "benchmark.Floor", "Wait"
_SECONDS = struct.Struct("<d")

#: Waits for so many seconds on the server; the milliseconds of all else.
Floor = Callable[[float], float]


def main() -> int:
    method = grpc.unary_unary_rpc_method_handler(_wait)
    handler = grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: method})
    pool = futures.ThreadPoolExecutor(8)
    server = grpc.server(pool, handlers=[handler], options=[("grpc.so_reuseport", 0)])
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()
    return 0


def _wait(request: bytes, context: grpc.ServicerContext) -> bytes:
    return waited(request)


def waited(request: bytes) -> bytes:
    """The answer to a request, after the wait that it asks for."""
    start = time.perf_counter()
    time.sleep(_SECONDS.unpack_from(request)[0])
    took = time.perf_counter() - start
    return _SECONDS.pack(took) + request[_SECONDS.size :]


def asking(call: Callable[[bytes], bytes], size: int) -> Floor:
    """Asks for a wait with messages of so many bytes, and takes the wait off."""

    def floor(seconds: float) -> float:
        start = time.perf_counter()
        answer = call(_SECONDS.pack(seconds).ljust(size, b"x"))
        all_of_it = time.perf_counter() - start
        return 1000 * (all_of_it - _SECONDS.unpack_from(answer)[0])

    return floor


@contextmanager
def running(size: int) -> Iterator[Floor]:
    """The server in a process of its own, asked with messages of so many bytes."""
    command = [sys.executable, "-m", "benchmarks.grpcio_floor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline()}") as to:
                yield asking(to.unary_unary(f"/{_SERVICE}/{_METHOD}"), size)
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
