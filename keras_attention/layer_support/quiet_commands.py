"""Greetings of TensorFlow, kept off stderr where this package runs as a command.

Imported before Keras. Where it is a library, nothing happens.
"""

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# TensorFlow logs these before it reads its log level.
_GREETINGS = re.compile(
    rb"(?m)^(WARNING: All log messages before absl|[IW]\d{4} |E\d{4} .*cuInit).*\n"
)


@contextmanager
def without_greetings() -> Iterator[None]:
    """Drops greetings from what is written to stderr meanwhile.

    The rest comes out at the end; another process holds it, since a library that ends
    this one says why there.
    """
    reading, writing = os.pipe()
    sys.stderr.flush()
    watcher = os.fork()
    if watcher == 0:
        os.setpgid(0, 0)  # Ctrl-C is not for it.
        os.close(writing)
        with open(reading, "rb") as pipe:
            os.write(2, _GREETINGS.sub(b"", pipe.read()))
        os._exit(0)
    os.close(reading)
    stderr = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        os.waitpid(watcher, 0)


def _is_command() -> bool:
    module = sys.argv[0] == "-m" and "keras_attention" in sys.orig_argv
    return module or Path(sys.argv[0]).name == "keras-attention"


_can = hasattr(os, "fork") and sys.stderr is not None
# What stops a computation is an exception too; among errors is what oneDNN cannot do.
if _can and _is_command() and os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") > "1":
    with without_greetings():
        importlib.import_module("keras")
        if "tensorflow" in sys.modules:
            # It greets once more when it looks for devices.
            sys.modules["tensorflow"].config.list_physical_devices()
