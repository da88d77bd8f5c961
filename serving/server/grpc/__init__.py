"""gRPC edge of the server.

- ``service.py``: handlers of TF Serving's methods
- ``malformed_requests.py``: requests that are no message of their kind
- ``health.py``: the health service
- ``reflection.py``: the reflection service
"""
