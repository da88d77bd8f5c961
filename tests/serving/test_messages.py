"""Our messages are TensorFlow Serving's, byte for byte, under another name."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from google.protobuf import descriptor_pb2

from serving import messages
from serving.messages import (
    config_pb2,
    inference_pb2,
    management_pb2,
    metadata_pb2,
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
    remote_calls,
    session_pb2,
    signature_pb2,
    status_pb2,
    tensor_pb2,
)
from serving.server.grpc import reflection
from serving.tensors.encoding import encode
from tests.serving.conftest import ROOT, environment

_MODULES = [
    importlib.import_module(f"serving.messages.{module.name}")
    for module in pkgutil.iter_modules(messages.__path__)
    if module.name.endswith("_pb2")
]

#: Compared with what is written down in test_config_files.py.
_NOT_IN_THEIR_PACKAGE = {"batching_pb2", "ssl_config_pb2", "monitoring_config_pb2"}


def _theirs(full_name: str):
    """TensorFlow's class of a name."""
    importlib.import_module("tensorflow_serving.apis.prediction_service_pb2_grpc")
    importlib.import_module("tensorflow_serving.apis.model_service_pb2_grpc")
    importlib.import_module("tensorflow_serving.apis.prediction_log_pb2")
    from google.protobuf import descriptor_pool, message_factory

    found = descriptor_pool.Default().FindMessageTypeByName(full_name)
    return message_factory.GetMessageClass(found)


def _spec(signature_name: str = "align", **choice) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name="m", signature_name=signature_name)
    if "version" in choice:
        spec.version.value = choice["version"]
    if "label" in choice:
        spec.version_label = choice["label"]
    return spec


def _samples():
    strings = encode(["é", "a\0"])
    yield strings
    yield encode(np.arange(6.0, dtype=np.float32).reshape(2, 3))
    yield tensor_pb2.TensorProto(tensor_content=b"abc", uint64_val=[2**64 - 1])
    request = predict_pb2.PredictRequest(
        model_spec=_spec(version=2**40), output_filter=["b", "a"]
    )
    request.inputs["text"].CopyFrom(strings)
    yield request
    response = predict_pb2.PredictResponse(model_spec=_spec(label="canary"))
    response.outputs["log_prob"].CopyFrom(encode(np.float32([-1])))
    yield response
    yield metadata_pb2.GetModelMetadataRequest(
        model_spec=_spec(), metadata_field=["signature_def"]
    )
    metadata = metadata_pb2.GetModelMetadataResponse(model_spec=_spec())
    metadata.metadata["signature_def"].type_url = "type.googleapis.com/x"
    metadata.metadata["signature_def"].value = b"abc"
    yield metadata
    yield status_pb2.GetModelStatusRequest(model_spec=_spec())
    status = status_pb2.GetModelStatusResponse()
    line = status.model_version_status.add(version=3, state=50)
    line.status.error_code, line.status.error_message = 16, "why"
    yield status
    signature = signature_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    signature.inputs["text"].name = "serving_default_text:0"
    signature.inputs["text"].dtype = tensor_pb2.DT_STRING
    signature.inputs["text"].tensor_shape.dim.add(size=-1)
    signature.outputs["text"].tensor_shape.unknown_rank = True
    signature.defaults["option"].CopyFrom(strings)
    yield signature
    definitions = metadata_pb2.SignatureDefMap()
    definitions.signature_def["serving_default"].CopyFrom(signature)
    yield definitions
    given = inference_pb2.Input()
    example = given.example_list_with_context.examples.add()
    example.features.feature["x"].float_list.value.append(0.5)
    context = given.example_list_with_context.context.features
    context.feature["y"].bytes_list.value.append(b"\xff")
    yield inference_pb2.ClassificationRequest(model_spec=_spec(), input=given)
    yield inference_pb2.RegressionRequest(model_spec=_spec(), input=given)
    tasks = [inference_pb2.InferenceTask(model_spec=_spec(), method_name="x")]
    yield inference_pb2.MultiInferenceRequest(tasks=tasks, input=given)
    answer = inference_pb2.MultiInferenceResponse()
    result = answer.results.add(model_spec=_spec()).classification_result
    result.classifications.add().classes.add(label="l", score=0.5)
    answer.results.add().regression_result.regressions.add(value=2.0)
    yield answer
    yield prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
    models = config_pb2.ModelServerConfig()
    model = models.model_config_list.config.add(name="m", base_path="/m")
    model.model_platform = "tensorflow"
    model.model_version_policy.specific.versions.extend([1, 2**40])
    model.version_labels["stable"] = 1
    model.logging_config.sampling_config.sampling_rate = 0.5
    yield models
    yield management_pb2.ReloadConfigRequest(config=models, metric_names=["x"])
    config = session_pb2.ConfigProto(intra_op_parallelism_threads=2)
    config.inter_op_parallelism_threads = 3
    config.gpu_options.per_process_gpu_memory_fraction = 0.5
    config.gpu_options.allow_growth = True
    yield config
    yield session_pb2.RunOptions(timeout_in_ms=2**33)


@pytest.mark.parametrize("ours", [*_samples()], ids=lambda m: m.DESCRIPTOR.name)
def test_bytes_are_theirs_both_ways(ours):
    theirs = _theirs(reflection.wire_name(ours.DESCRIPTOR.full_name))
    data = ours.SerializeToString(deterministic=True)
    read = theirs.FromString(data)
    assert read.SerializeToString(deterministic=True) == data
    assert type(ours).FromString(read.SerializeToString()) == ours
    assert not _has_unknown(read)


def _has_unknown(message) -> bool:
    from google.protobuf import unknown_fields

    return len(unknown_fields.UnknownFieldSet(message)) > 0


def _all_messages(descriptor):
    yield descriptor
    for nested in descriptor.nested_types:
        yield from _all_messages(nested)


@pytest.mark.parametrize(
    "descriptor",
    [
        found
        for module in _MODULES
        if module.__name__.rpartition(".")[2] not in _NOT_IN_THEIR_PACKAGE
        for top in module.DESCRIPTOR.message_types_by_name.values()
        for found in _all_messages(top)
    ],
    ids=lambda descriptor: descriptor.full_name.partition(".")[2],
)
def test_every_field_has_their_number_and_type(descriptor):
    theirs = _theirs(reflection.wire_name(descriptor.full_name)).DESCRIPTOR
    for field in descriptor.fields:
        other = theirs.fields_by_name[field.name]
        assert (other.number, other.type) == (field.number, field.type), field.name
        assert other.is_repeated == field.is_repeated
        if field.message_type is not None:
            name = reflection.wire_name(field.message_type.full_name)
            assert other.message_type.full_name == name
        if field.enum_type is not None:
            values = other.enum_type.values_by_name
            for value in field.enum_type.values:
                assert values[value.name].number == value.number


@pytest.mark.parametrize(
    "method",
    [m for m in vars(remote_calls).values() if isinstance(m, remote_calls.Method)],
)
def test_methods_are_theirs(method):
    from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

    services = {
        **model_service_pb2.DESCRIPTOR.services_by_name,
        **prediction_service_pb2.DESCRIPTOR.services_by_name,
    }
    theirs = services[method.service.rpartition(".")[2]].methods_by_name[method.name]
    assert theirs.containing_service.full_name == method.service
    assert theirs.input_type.name == method.request.DESCRIPTOR.name
    assert theirs.output_type.name == method.response.DESCRIPTOR.name


def test_generated_code_is_current(tmp_path):
    pytest.importorskip("grpc_tools", reason="grpcio-tools regenerates the messages")
    output = tmp_path / "descriptors"
    # A process of its own: protoc and TensorFlow bring different protobufs in C++.
    code = "import sys; from tools import generate_messages; "
    code += "generate_messages.compile_protos('--descriptor_set_out=' + sys.argv[1])"
    command = [sys.executable, "-c", code, str(output)]
    subprocess.run(command, check=True, env=environment(), cwd=ROOT, timeout=60)
    expected = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())
    assert len(expected.file) == len(_MODULES)
    by_name = {module.DESCRIPTOR.name: module.DESCRIPTOR for module in _MODULES}
    for file in expected.file:
        current = descriptor_pb2.FileDescriptorProto()
        by_name[file.name].CopyToProto(current)
        for proto in (file, current):
            _drop_json_names(proto)
        assert current == file, file.name


def _drop_json_names(message):
    """Whether defaults are written down differs between versions of protoc."""
    for field, value in message.ListFields():
        if field.name == "json_name":
            message.ClearField("json_name")
        elif field.message_type is not None:
            for item in value if field.is_repeated else [value]:
                _drop_json_names(item)
