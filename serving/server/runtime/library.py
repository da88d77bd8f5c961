"""Shared libraries of TensorFlow, loaded without TensorFlow's Python.

The C API of ``libtensorflow_cc`` gives the loader and the session that TF Serving
itself uses. Loading it takes a third of a second, where ``import tensorflow`` takes
several, and no Python of TensorFlow is in the path of a request.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import logging
import sys
from pathlib import Path

from serving.errors import MissingExtra, StartupFailed
from serving.server.runtime.c_api import load

_LOG = logging.getLogger(__name__)
_INSTALL = "pip install 'keras-attention-seq2seq[tensorflow]'"


@functools.cache
def tensorflow() -> ctypes.CDLL:
    """The C API, with tensorflow-text's ops registered where that is installed.

    Raises:
        MissingExtra: TensorFlow is not installed.
        StartupFailed: Its libraries cannot be loaded.
    """
    folder = _folder("tensorflow")
    suffix = "2.dylib" if sys.platform == "darwin" else "so.2"
    names = (f"libtensorflow_framework.{suffix}", f"libtensorflow_cc.{suffix}")
    if folder is None or not (folder / names[-1]).exists():
        raise MissingExtra(f"TensorFlow is not installed: {_INSTALL}")
    try:
        # Loaded by path, so that tensorflow-text's libraries find it by name.
        ctypes.CDLL(str(folder / names[0]))
        library = load(str(folder / names[1]))
    except (OSError, AttributeError) as error:
        raise StartupFailed(f"cannot load TensorFlow from {folder}: {error}") from error
    _register_text_ops(library)
    return library


def disable_xla() -> None:
    """Makes graphs that demand XLA fail, as they do in TF Serving by default.

    This holds for the whole process and cannot be undone.
    """
    library = tensorflow()
    # TF Serving's main() calls this C++ function, which has no C name.
    switch = getattr(library, "_ZN10tensorflow21DisableXlaCompilationEv", None)
    if switch is None:
        _LOG.warning("this TensorFlow cannot disable XLA; compiled graphs would run")
    else:
        switch()


def _folder(package: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    origin = None if spec is None else spec.origin
    return None if origin is None else Path(origin).parent


def _register_text_ops(library: ctypes.CDLL) -> None:
    folder = _folder("tensorflow_text")
    if folder is None:
        _LOG.warning("tensorflow-text is not installed; its ops are unknown")
        return
    status = library.TF_NewStatus()
    try:
        for path in sorted(folder.glob("python/ops/*.so")):
            library.TF_LoadLibrary(str(path).encode(), status)
            if library.TF_GetCode(status):
                reason = library.TF_Message(status).decode("utf-8", "replace")
                _LOG.warning("the ops of %s are unknown: %s", path.name, reason)
    finally:
        library.TF_DeleteStatus(status)
