"""The signature as TensorFlow's Python gives it, in a process of its own.

What somebody calls who needs no server: ``tf.saved_model.load(path).signatures[...]``.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(version: Path, word: str, intra_op: int) -> Iterator[Callable[[], float]]:
    """Calls it with a word; the milliseconds of a call."""
    command = [sys.executable, "-m", "benchmarks.python_signature", str(version), word]
    command.append(str(intra_op))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        to, replies = process.stdin, process.stdout
        assert to is not None and replies is not None

        def call() -> float:
            print(file=to, flush=True)
            return float(replies.readline())

        try:
            if replies.readline() != "ready\n":
                raise SystemExit("the signature cannot be called")
            yield call
        finally:
            process.terminate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("version", type=Path)
    parser.add_argument("word")
    parser.add_argument("intra_op", type=int)
    options = parser.parse_args()
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  (its operations)

    tf.config.threading.set_intra_op_parallelism_threads(options.intra_op)
    model = tf.saved_model.load(str(options.version))
    signature = model.signatures["serving_default"]
    text = tf.constant([options.word])
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for value in signature(text=text).values():
            value.numpy()
        print(1000 * (time.perf_counter() - start), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
