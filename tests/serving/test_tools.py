"""What command-line tools rely on: reflection."""

from __future__ import annotations

from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)


def test_reflection_lists_the_services(channel):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (response,) = stub.ServerReflectionInfo(iter([request]), timeout=10)
    names = [item.name for item in response.list_services_response.service]
    assert "tensorflow.serving.PredictionService" in names
    assert "tensorflow.serving.ModelService" in names
    assert "grpc.health.v1.Health" in names


def test_a_tool_can_call_by_reflection_alone(channel):
    """As grpcurl does: no generated code, only what the server tells."""
    from google.protobuf import descriptor_pool, json_format, message_factory

    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    service = pool.FindServiceByName("tensorflow.serving.PredictionService")

    def call(name, text):
        method = service.methods_by_name[name]
        request = message_factory.GetMessageClass(method.input_type)()
        json_format.Parse(text, request)
        return channel.unary_unary(
            f"/{service.full_name}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(
                method.output_type
            ).FromString,
        )(request, timeout=10)

    response = call(
        "Predict",
        """{"modelSpec": {"name": "upper"}, "inputs": {"text": {"dtype": "DT_STRING",
        "tensorShape": {"dim": [{"size": 1}]}, "stringVal": ["YWJj"]}}}""",
    )
    assert response.outputs["text"].string_val[0] == b"ABC"
    response = call(
        "GetModelMetadata",
        '{"modelSpec": {"name": "upper"}, "metadataField": ["signature_def"]}',
    )
    # Any is resolved by name: the pool must hold TensorFlow's.
    printed = json_format.MessageToDict(response, descriptor_pool=pool)
    signatures = printed["metadata"]["signature_def"]["signatureDef"]
    assert signatures["align"]["inputs"]["text"]["dtype"] == "DT_STRING"
