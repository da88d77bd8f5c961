"""Errors between a caller and a model, by what to do about them.

::

    ServingError
    ├── InvalidRequest          the request is wrong; sending it again cannot help
    ├── NotFound                the server does not have what was asked for
    │   ├── ModelNotFound       no such model, version or label
    │   └── SignatureNotFound   the model has no such signature
    ├── ServerUnavailable       nobody answers at the target; try later or elsewhere
    │   └── HandshakeFailed     TLS was not agreed on; trying again cannot help
    ├── Overloaded              the server refuses work for now; slow down
    ├── DeadlineExceeded        no answer within the timeout (also a TimeoutError)
    ├── MessageTooLarge         a message exceeds a size limit; split the batch
    ├── AccessDenied            credentials are missing or not sufficient
    ├── NotSupported            the server does not offer this call
    ├── Cancelled               the call was cancelled before it ended
    ├── ModelFailed             the model or the server broke while computing
    ├── UnexpectedResponse      the answer does not have the agreed form
    └── StartupFailed           a server could not be started
        ├── ModelLoadFailed     the model's directory is missing or broken
        ├── PortInUse           the port is taken
        └── MissingExtra        a package is not installed

What gRPC said is kept: :attr:`ServingError.code` is the status name and ``__cause__``
the ``grpc.RpcError``.
"""

from __future__ import annotations

import grpc


class ServingError(Exception):
    """Base of all errors of this package.

    Args:
        message: What went wrong, in one line where possible.
        code: Name of the gRPC status, such as ``"NOT_FOUND"``; None if no call failed.
    """

    def __init__(self, message: str, code: str | None = None):
        super().__init__(message)
        self.code = code


class InvalidRequest(ServingError):
    """The request is wrong as it stands."""


class NotFound(ServingError):
    """The server does not have what was asked for."""


class ModelNotFound(NotFound):
    """No such model, version or label."""


class SignatureNotFound(NotFound):
    """The model has no such signature."""


class ServerUnavailable(ServingError):
    """Nobody answers at the target."""


class HandshakeFailed(ServerUnavailable):
    """The server's certificate was not accepted."""


class Overloaded(ServingError):
    """The server refuses work for now."""


class DeadlineExceeded(ServingError, TimeoutError):
    """No answer within the timeout."""


class MessageTooLarge(ServingError):
    """A request or response exceeds a size limit."""


class AccessDenied(ServingError):
    """Credentials are missing or not sufficient."""


class NotSupported(ServingError):
    """The server does not offer this call."""


class Cancelled(ServingError):
    """The call was cancelled before it ended."""


class ModelFailed(ServingError):
    """The model or the server broke while computing."""


class UnexpectedResponse(ServingError):
    """The answer does not have the agreed form."""


class StartupFailed(ServingError):
    """A server could not be started."""


class ModelLoadFailed(StartupFailed):
    """The model's directory is missing or broken."""


class PortInUse(StartupFailed):
    """The port is taken."""


class MissingExtra(StartupFailed):
    """A package that an optional part needs is not installed."""


_BY_CODE: dict[grpc.StatusCode, type[ServingError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: ModelNotFound,
    grpc.StatusCode.UNAVAILABLE: ServerUnavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.UNIMPLEMENTED: NotSupported,
    grpc.StatusCode.CANCELLED: Cancelled,
}


# What TF Serving says of its batching queues, under codes that mean something else.
_QUEUE_FULL = "The batch scheduling queue to which this task was submitted is full"
_LATE_IN_QUEUE = "timeout exceeded while waiting in batching queue"

# gRPC has no code for it.
_HANDSHAKE = ("handshake failed", "Hostname Verification", "Peer name")
_PERHAPS_TLS = (
    " (perhaps the server expects TLS and the client does not use it, or the server "
    "wants a client certificate that it was not shown)"
)


def from_rpc(
    error: grpc.RpcError, target: str, proxy: str | None = None
) -> ServingError:
    """The error that a failed call means.

    TF Serving reports some meanings under a code it also uses for others; those are
    told apart by its message.

    Args:
        error: What the call raised, from ``grpc`` or ``grpc.aio``.
        target: Address of the server, for the message.
        proxy: Environment variable with the proxy that calls to it go through.

    Returns:
        An error to raise ``from`` the given one.
    """
    code, details = error.code(), error.details() or ""
    exhausted = code is grpc.StatusCode.RESOURCE_EXHAUSTED
    kind = _BY_CODE.get(code, ModelFailed)
    message = details
    if code is grpc.StatusCode.FAILED_PRECONDITION and details.startswith(
        "Serving signature key"
    ):
        kind = SignatureNotFound
    elif details.startswith("Unrecognized servable version label"):
        kind = ModelNotFound
    elif exhausted and "message larger than" in details:
        kind = MessageTooLarge
    elif exhausted and _LATE_IN_QUEUE in details:
        kind = DeadlineExceeded
    elif kind is ServerUnavailable and details.startswith(_QUEUE_FULL):
        kind = Overloaded
    elif kind is ServerUnavailable:
        if any(words in details for words in _HANDSHAKE):
            kind = HandshakeFailed
        message = f"no server answers at {target}: {details}"
        if "failed to connect" in details and "Socket closed" in details:
            message += _PERHAPS_TLS
    if proxy and kind in (ServerUnavailable, HandshakeFailed, DeadlineExceeded):
        message += f" (calls go through the proxy of the environment variable {proxy})"
    return kind(message or code.name, code.name)
