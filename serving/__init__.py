"""Asking models over gRPC, and serving them.

The client side needs gRPC, protobuf and NumPy, never TensorFlow or Keras:

- :class:`serving.Client`, and :class:`serving.aio.Client` for asyncio
- :class:`serving.Prediction` and the other values that they return
- :mod:`serving.errors`, what can go wrong

The server side is ``python -m serving serve`` and :mod:`serving.embedded`, which is not
imported here.
"""

from serving import aio, errors
from serving.certificates import Certificates
from serving.channel import Keepalive, Retry
from serving.client import Client
from serving.errors import ServingError
from serving.values import (
    ModelMetadata,
    Prediction,
    ScoredText,
    Signature,
    TensorSpec,
    VersionStatus,
)

__all__ = [
    "Certificates",
    "Client",
    "Keepalive",
    "ModelMetadata",
    "Prediction",
    "Retry",
    "ScoredText",
    "ServingError",
    "Signature",
    "TensorSpec",
    "VersionStatus",
    "aio",
    "errors",
]
