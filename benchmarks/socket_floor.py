"""What a plain TCP socket adds to a call: the least that any server can.

One thread at either end, bytes as they are. Beside it one sees what grpcio adds, and
what it costs on this machine to wake a thread.
"""

import argparse
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.grpcio_floor import Floor

_SECONDS = struct.Struct("<d")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("size", type=int, help="bytes of a message")
    size = parser.parse_args().size
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        peer, _ = listening.accept()
    with peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while request := peer.recv(size, socket.MSG_WAITALL):
            start = time.perf_counter()
            time.sleep(_SECONDS.unpack_from(request)[0])
            waited = time.perf_counter() - start
            peer.sendall(_SECONDS.pack(waited) + request[_SECONDS.size :])
    return 0


@contextmanager
def running(size: int) -> Iterator[Floor]:
    """The other end in a process of its own, asked with messages of so many bytes."""
    command = [sys.executable, "-m", "benchmarks.socket_floor", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with socket.create_connection(("127.0.0.1", port)) as to:
                to.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

                def floor(seconds: float) -> float:
                    start = time.perf_counter()
                    to.sendall(_SECONDS.pack(seconds).ljust(size, b"x"))
                    answer = to.recv(size, socket.MSG_WAITALL)
                    all_of_it = time.perf_counter() - start
                    return 1000 * (all_of_it - _SECONDS.unpack_from(answer)[0])

                yield floor
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
