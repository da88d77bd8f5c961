"""Server with TF Serving's API, on TensorFlow's own C++ session.

:class:`Server` runs it inside a process; ``python -m serving serve`` as one.

- ``server.py``: the whole: ports opened, drained, closed
- ``grpc/``, ``rest/``: the edges: requests off the wire, responses and refusals onto it
- ``request_flow.py``: the way of a request: admission, method, record, response
- ``admission.py``: how many requests compute, wait, are refused
- ``methods/``: Predict, Classify, Regress, MultiInference, metadata, status, reload
- ``batching/``: requests of several callers, merged into one run
- ``versions/``: hot reload: which versions to load and to unload
- ``runtime/``: TensorFlow's C++ session
- ``observability/``: log, metrics and events
- ``config/``, ``tls.py``, ``addresses.py``: files, certificates and addresses, checked
- ``options.py``: how a server runs, REST and loads included
- ``refusal.py``: how the server says no
"""

from serving.server.batching import BatchingOptions
from serving.server.config.config_file import ConfigFile
from serving.server.options import LoadPolicy, RestOptions, ServerOptions
from serving.server.server import Server

__all__ = [
    "BatchingOptions",
    "ConfigFile",
    "LoadPolicy",
    "RestOptions",
    "Server",
    "ServerOptions",
]
