"""Reflection: tools such as grpcurl learn the calls from the server.

The descriptors are our own with our package name taken off, which leaves
TensorFlow's names without TensorFlow's messages.
"""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, wrappers_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from serving.messages import remote_calls, services_pb2

_PREFIX = "keras_attention_serving."


def enable(server: grpc.Server) -> None:
    """Adds the reflection service to a server that is not started yet."""
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()
    for module in (any_pb2, wrappers_pb2, services_pb2, health_pb2, reflection_pb2):
        _add(pool, module.DESCRIPTOR, added)
    names = (
        remote_calls.PREDICTION_SERVICE,
        remote_calls.MODEL_SERVICE,
        health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
        reflection.SERVICE_NAME,
    )
    reflection.enable_server_reflection(names, server, pool=pool)


def _add(
    pool: descriptor_pool.DescriptorPool, file: FileDescriptor, added: set[str]
) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _add(pool, dependency, added)
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    _strip(proto)
    pool.Add(proto)


def _strip(message: Message) -> None:
    """Takes our prefix off every string: package, type names, method types."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            if isinstance(value, str):
                setattr(message, field.name, wire_name(value))
            else:
                value[:] = [wire_name(item) for item in value]
        elif field.type == field.TYPE_MESSAGE:
            for item in [value] if isinstance(value, Message) else value:
                _strip(item)


def wire_name(name: str) -> str:
    """TensorFlow's name for one of our messages; other names stay as they are."""
    dot = "." if name.startswith(f".{_PREFIX}") else ""
    return dot + name.removeprefix(dot).removeprefix(_PREFIX)
