"""What client and server say to each other, without saying how it travels.

Each dialogue is a generator: it yields a :class:`Call` (or a :class:`Pause`), is sent
the response (or thrown the :class:`~serving.errors.ServingError`), and returns the
result. The blocking and the asyncio client drive the same generators, so there is one
place where requests are built and answers read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from serving.client.metadata_responses import model_metadata, version_status
from serving.client.prediction_responses import (
    read_alignments,
    read_n_best,
    read_predictions,
    read_scores,
)
from serving.client.text_requests import (
    TARGET_INPUT,
    TEXT_INPUT,
    cast,
    option_inputs,
    text_input,
)
from serving.client.values import (
    ModelMetadata,
    Prediction,
    ScoredText,
    Signature,
    VersionStatus,
)
from serving.errors import (
    DeadlineExceeded,
    HandshakeFailed,
    InvalidRequest,
    NotFound,
    ServerUnavailable,
    ServingError,
    SignatureNotFound,
    UnexpectedResponse,
)
from serving.messages import (
    metadata_pb2,
    model_pb2,
    predict_pb2,
    remote_calls,
    status_pb2,
)
from serving.tensors.decoding import decode
from serving.tensors.dtypes import TensorError, dtype_named
from serving.tensors.encoding import as_array, encode

DEFAULT_SIGNATURE = "serving_default"
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Call:
    """Please make this call and send me the response."""

    method: remote_calls.Method
    request: Any
    wait_for_ready: bool = False


@dataclass(frozen=True)
class Pause:
    """Please wait this long."""

    seconds: float


T = TypeVar("T")
Dialogue = Generator[Call | Pause, Any, T]


class ModelDialogues:
    """All dialogues about one model.

    Signatures are asked for once, when first needed, and again after a request was
    refused: another version may take other inputs.

    Args:
        name: The model's name.
        version: A version number, or None.
        label: A version label, or None; None for both means the newest version.
    """

    def __init__(self, name: str, version: int | None, label: str | None):
        if not name:
            raise ValueError("model: expected a name, received an empty string")
        if version is not None and label is not None:
            raise ValueError("expected a version or a label, received both")
        self._spec = model_pb2.ModelSpec(name=name)
        if version is not None:
            self._spec.version.value = version
        if label is not None:
            self._spec.version_label = label
        self._signatures: Mapping[str, Signature] | None = None

    def predict(
        self, texts: Iterable[str | bytes], options: Mapping[str, Any] | None
    ) -> Dialogue[list[Prediction]]:
        """Texts to predictions."""
        rows = text_input(texts)
        if options is None:
            outputs = yield from self._run({TEXT_INPUT: rows}, DEFAULT_SIGNATURE)
        else:
            outputs = yield from self._run_texts(rows, options, "predict_with_options")
        return read_predictions(outputs, len(rows))

    def align(
        self, texts: Iterable[str | bytes], options: Mapping[str, Any] | None
    ) -> Dialogue[list[Prediction]]:
        """Texts to predictions with tokens and attention weights."""
        rows = text_input(texts)
        outputs = yield from self._run_texts(rows, options or {}, "align")
        return read_alignments(outputs, len(rows))

    def n_best(
        self, texts: Iterable[str | bytes], options: Mapping[str, Any] | None
    ) -> Dialogue[list[list[Prediction]]]:
        """Texts to several predictions each."""
        rows = text_input(texts)
        outputs = yield from self._run_texts(rows, options or {}, "n_best")
        return read_n_best(outputs, len(rows))

    def score(
        self, texts: Iterable[str | bytes], target_texts: Iterable[str | bytes]
    ) -> Dialogue[list[ScoredText]]:
        """Texts and targets to how probable the targets are."""
        rows = text_input(texts)
        targets = text_input(target_texts, "target_texts")
        if len(rows) != len(targets):
            raise ValueError(
                f"target_texts: expected one for each of {len(rows)} texts, "
                f"received {len(targets)}"
            )
        inputs = {TEXT_INPUT: rows, TARGET_INPUT: targets}
        outputs = yield from self._run(inputs, "score")
        return read_scores(outputs, len(rows))

    def call(
        self, inputs: Mapping[str, Any], signature: str, outputs: Iterable[str]
    ) -> Dialogue[dict[str, np.ndarray]]:
        """Any tensors to any tensors."""
        arrays = {name: as_array(value) for name, value in inputs.items()}
        guessed = [
            name
            for name, value in inputs.items()
            if not isinstance(value, np.ndarray | np.generic)
            and not arrays[name].dtype.hasobject
        ]
        if guessed:
            found = yield from self._signature(signature)
            for name in guessed:
                if name in found.inputs:
                    dtype = _dtypes(found)[name]
                    arrays[name] = cast(f"inputs[{name!r}]", arrays[name], dtype)
        received = yield from self._run(arrays, signature, outputs)
        return {name: _decoded(array) for name, array in received.items()}

    def status(self) -> Dialogue[list[VersionStatus]]:
        """How each version fares."""
        request = status_pb2.GetModelStatusRequest(model_spec=self._spec)
        response = yield Call(remote_calls.GET_MODEL_STATUS, request)
        return [version_status(item) for item in response.model_version_status]

    def metadata(self, wait_for_ready: bool = False) -> Dialogue[ModelMetadata]:
        """What the model offers."""
        request = metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec, metadata_field=["signature_def"]
        )
        response = yield Call(remote_calls.GET_MODEL_METADATA, request, wait_for_ready)
        metadata = model_metadata(response)
        self._signatures = metadata.signatures
        return metadata

    def wait_until_ready(self) -> Dialogue[None]:
        """Returns once the model can be asked.

        Metadata needs a version that is available; status would also be answered
        for one that failed.
        """
        answer: ServingError | None = None
        try:
            while True:
                try:
                    # Only a call that does not wait says why nobody answers.
                    yield from self.metadata(wait_for_ready=answer is not None)
                    return
                except HandshakeFailed:
                    raise
                except (NotFound, ServerUnavailable, UnexpectedResponse) as error:
                    answer = error
                yield Pause(_POLL_SECONDS)
        except DeadlineExceeded as error:
            reason = "no server answered" if answer is None else str(answer)
            raise DeadlineExceeded(
                f"model {self._spec.name} was not ready in time: {reason}", error.code
            ) from error.__cause__

    def _signature(self, name: str) -> Dialogue[Signature]:
        if self._signatures is None:
            yield from self.metadata()
        signatures = self._signatures or {}
        if name not in signatures:
            self._signatures = None
            raise SignatureNotFound(
                f"model {self._spec.name} has no signature {name!r}; "
                f"it has {sorted(signatures)}"
            )
        return signatures[name]

    def _run_texts(
        self, rows: np.ndarray, options: Mapping[str, Any], signature: str
    ) -> Dialogue[dict[str, np.ndarray]]:
        found = yield from self._signature(signature)
        inputs = option_inputs(options, found, _dtypes(found), len(rows))
        return (yield from self._run({TEXT_INPUT: rows, **inputs}, signature))

    def _run(
        self,
        inputs: Mapping[str, np.ndarray],
        signature: str,
        outputs: Iterable[str] = (),
    ) -> Dialogue[dict[str, np.ndarray]]:
        request = predict_pb2.PredictRequest(
            model_spec=self._spec, output_filter=outputs
        )
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(encode(array))
        try:
            response = yield Call(remote_calls.PREDICT, request)
        except (InvalidRequest, SignatureNotFound):
            self._signatures = None
            raise
        try:
            # The server computed these: the size of the message bounds them.
            return {name: decode(proto) for name, proto in response.outputs.items()}
        except TensorError as error:
            raise UnexpectedResponse(f"an output cannot be read: {error}") from error


def _dtypes(signature: Signature) -> dict[str, np.dtype]:
    return {name: dtype_named(spec.dtype) for name, spec in signature.inputs.items()}


def _decoded(array: np.ndarray) -> np.ndarray:
    """Bytes as str; what is no UTF-8 survives as surrogate escapes."""
    if not array.dtype.hasobject:
        return array
    texts = np.empty(array.size, object)
    texts[:] = [item.decode("utf-8", "surrogateescape") for item in array.flat]
    return texts.reshape(array.shape)
