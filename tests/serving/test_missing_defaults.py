"""Options, where a server does not tell the defaults of a signature or has none."""

from __future__ import annotations

import shutil
from concurrent import futures

import grpc
import pytest

import serving
from serving.errors import InvalidRequest
from serving.messages import metadata_pb2
from serving.server import Server
from tests.serving.conftest import LOOPBACK


class Silent(grpc.GenericRpcHandler):
    """Hands calls on to a server, but takes defaults out of what it tells, as TF
    Serving's TFRT path does."""

    def __init__(self, channel: grpc.Channel):
        self._channel = channel

    def service(self, details):
        call = self._channel.unary_unary(details.method)

        def hand_on(request, context):
            try:
                response = call(request, timeout=20)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
            if not details.method.endswith("GetModelMetadata"):
                return response
            told = metadata_pb2.GetModelMetadataResponse.FromString(response)
            packed = told.metadata["signature_def"]
            signatures = metadata_pb2.SignatureDefMap.FromString(packed.value)
            for signature in signatures.signature_def.values():
                signature.defaults.clear()
            packed.value = signatures.SerializeToString()
            return told.SerializeToString()

        return grpc.unary_unary_rpc_method_handler(hand_on)


@pytest.fixture
def silent(channel):
    """Asks a server that has defaults and does not tell them."""
    threads = futures.ThreadPoolExecutor(2)
    server = grpc.server(threads, handlers=[Silent(channel)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with serving.Client(f"127.0.0.1:{port}", model="upper", timeout=20) as client:
        yield client
    server.stop(None).wait()
    threads.shutdown()


def test_what_was_asked_for_is_enough_where_the_server_fills_in(silent):
    assert silent.metadata().signatures["predict_with_options"].defaults == {}
    # One row: this model's defaults are not spread over several, those of exports are.
    assert silent.predict(["a"], {"times": 2})[0].text == "A!!"
    assert [one.text for one in silent.n_best(["a"])[0]] == ["A", "A?", "A??"]


@pytest.fixture
def bare(toys, tmp_path):
    """Asks a server whose model has no defaults."""
    from tensorflow.core.protobuf import saved_model_pb2

    shutil.copytree(toys / "upper" / "1", tmp_path / "1")
    file = tmp_path / "1" / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for signature in saved_model.meta_graphs[0].signature_def.values():
        signature.defaults.clear()
    file.write_bytes(saved_model.SerializeToString())
    with (
        Server({"upper": tmp_path}, LOOPBACK) as server,
        serving.Client(f"127.0.0.1:{server.port}", model="upper", timeout=20) as client,
    ):
        yield client


def test_what_is_missing_is_said_where_it_does_not(bare):
    assert bare.predict(["a"], {"times": 2, "suffix": "?"})[0].text == "A??"
    with pytest.raises(InvalidRequest, match="tells no defaults: suffix$") as caught:
        bare.predict(["a"], {"times": 2})
    assert caught.value.code == "INVALID_ARGUMENT"
    assert isinstance(caught.value.__cause__, grpc.RpcError)
    with pytest.raises(InvalidRequest, match="tells no defaults: alternatives$"):
        bare.n_best(["a"])
    with pytest.raises(ValueError, match="Expected: any of .*suffix"):
        bare.predict(["a"], {"speed": 2})
