# ruff: noqa
from serving.messages import inference_pb2 as _inference_pb2
from serving.messages import predict_pb2 as _predict_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import (
    ClassVar as _ClassVar,
    Iterable as _Iterable,
    Mapping as _Mapping,
    Optional as _Optional,
    Union as _Union,
)

DESCRIPTOR: _descriptor.FileDescriptor

class ClassifyLog(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _inference_pb2.ClassificationRequest
    def __init__(
        self,
        request: _Optional[
            _Union[_inference_pb2.ClassificationRequest, _Mapping]
        ] = ...,
    ) -> None: ...

class RegressLog(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _inference_pb2.RegressionRequest
    def __init__(
        self,
        request: _Optional[_Union[_inference_pb2.RegressionRequest, _Mapping]] = ...,
    ) -> None: ...

class PredictLog(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _predict_pb2.PredictRequest
    def __init__(
        self, request: _Optional[_Union[_predict_pb2.PredictRequest, _Mapping]] = ...
    ) -> None: ...

class PredictStreamedLog(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _containers.RepeatedCompositeFieldContainer[_predict_pb2.PredictRequest]
    def __init__(
        self,
        request: _Optional[
            _Iterable[_Union[_predict_pb2.PredictRequest, _Mapping]]
        ] = ...,
    ) -> None: ...

class MultiInferenceLog(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _inference_pb2.MultiInferenceRequest
    def __init__(
        self,
        request: _Optional[
            _Union[_inference_pb2.MultiInferenceRequest, _Mapping]
        ] = ...,
    ) -> None: ...

class SessionRunLog(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PredictionLog(_message.Message):
    __slots__ = (
        "classify_log",
        "regress_log",
        "multi_inference_log",
        "session_run_log",
        "predict_log",
        "predict_streamed_log",
    )
    CLASSIFY_LOG_FIELD_NUMBER: _ClassVar[int]
    REGRESS_LOG_FIELD_NUMBER: _ClassVar[int]
    MULTI_INFERENCE_LOG_FIELD_NUMBER: _ClassVar[int]
    SESSION_RUN_LOG_FIELD_NUMBER: _ClassVar[int]
    PREDICT_LOG_FIELD_NUMBER: _ClassVar[int]
    PREDICT_STREAMED_LOG_FIELD_NUMBER: _ClassVar[int]
    classify_log: ClassifyLog
    regress_log: RegressLog
    multi_inference_log: MultiInferenceLog
    session_run_log: SessionRunLog
    predict_log: PredictLog
    predict_streamed_log: PredictStreamedLog
    def __init__(
        self,
        classify_log: _Optional[_Union[ClassifyLog, _Mapping]] = ...,
        regress_log: _Optional[_Union[RegressLog, _Mapping]] = ...,
        multi_inference_log: _Optional[_Union[MultiInferenceLog, _Mapping]] = ...,
        session_run_log: _Optional[_Union[SessionRunLog, _Mapping]] = ...,
        predict_log: _Optional[_Union[PredictLog, _Mapping]] = ...,
        predict_streamed_log: _Optional[_Union[PredictStreamedLog, _Mapping]] = ...,
    ) -> None: ...
