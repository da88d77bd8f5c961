"""Client and server of exported models, over gRPC and REST.

The client side needs gRPC, protobuf and NumPy, never TensorFlow or Keras:

- :class:`serving.Client`, and :class:`serving.aio.Client` for asyncio
- :class:`serving.Prediction` and the other values that they return
- :mod:`serving.errors`, what can go wrong

The server side is ``python -m serving serve`` and :mod:`serving.embedded`, which is not
imported here.
"""

from serving import aio, errors
from serving.client.certificates import Certificates
from serving.client.client import Client
from serving.client.connection import Keepalive, Retry
from serving.client.values import (
    ModelMetadata,
    Prediction,
    ScoredText,
    Signature,
    TensorSpec,
    VersionStatus,
)
from serving.errors import ServingError

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
