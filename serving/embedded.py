"""The embedded server under its public name; see :mod:`serving.server`."""

from serving.server import (
    BatchingOptions,
    ConfigFile,
    LoadPolicy,
    RestOptions,
    Server,
    ServerOptions,
)

__all__ = [
    "BatchingOptions",
    "ConfigFile",
    "LoadPolicy",
    "RestOptions",
    "Server",
    "ServerOptions",
]
