# ruff: noqa
from serving.messages import inference_pb2 as _inference_pb2
from serving.messages import management_pb2 as _management_pb2
from serving.messages import metadata_pb2 as _metadata_pb2
from serving.messages import predict_pb2 as _predict_pb2
from serving.messages import status_pb2 as _status_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
