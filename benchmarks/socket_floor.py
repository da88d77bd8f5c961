"""What a plain TCP socket adds to a call: the least that any server can.

One thread at either end, bytes as they are. Beside it one sees what grpcio adds, and
what it costs on this machine to wake a thread.
"""

import argparse
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.grpcio_floor import Floor, asking, waited


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
            peer.sendall(waited(request))
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

                def call(message: bytes) -> bytes:
                    to.sendall(message)
                    return to.recv(size, socket.MSG_WAITALL)

                yield asking(call, size)
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
