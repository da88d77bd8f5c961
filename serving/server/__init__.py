"""A small server with TF Serving's API, on TensorFlow's own C++ session.

:class:`Server` runs it inside a process; ``python -m serving serve`` as one.
"""

from serving.server.batching import BatchingOptions
from serving.server.config.config_file import ConfigFile
from serving.server.rest.options import RestOptions
from serving.server.server import Server, ServerOptions
from serving.server.versions.model_manager import LoadPolicy

__all__ = [
    "BatchingOptions",
    "ConfigFile",
    "LoadPolicy",
    "RestOptions",
    "Server",
    "ServerOptions",
]
