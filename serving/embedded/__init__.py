"""A small server with TF Serving's API, on TensorFlow's own C++ session.

:class:`Server` runs it inside a process; ``python -m serving serve`` as one.
"""

from serving.embedded.batching import BatchingOptions
from serving.embedded.config_file import ConfigFile
from serving.embedded.models import LoadPolicy
from serving.embedded.rest.options import RestOptions
from serving.embedded.server import Server, ServerOptions

__all__ = [
    "BatchingOptions",
    "ConfigFile",
    "LoadPolicy",
    "RestOptions",
    "Server",
    "ServerOptions",
]
