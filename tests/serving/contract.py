"""The asking side of the contract tests: the official stubs, nothing of ours."""

from __future__ import annotations

import grpc
import pytest

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


def refused(call, request, code, message):
    """Fails unless the call ends with this code and exactly this message."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=20)
    assert caught.value.details() == message
    assert caught.value.code() is code
