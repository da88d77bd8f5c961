"""JSON Schemas of what signatures take and return over REST, and examples of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from serving.client.signature_contract import DEFAULT_SIGNATURE
from serving.messages import signature_pb2, tensor_pb2
from serving.server.rest.json_tensors import RANGES
from serving.server.rest.predict_inputs import INPUTS, INSTANCES
from serving.tensors.decoding import decode, shape_of
from serving.tensors.dtypes import dtype_name

Schema = dict[str, Any]
STRING: Schema = {"type": "string"}

_Infos = Mapping[str, signature_pb2.TensorInfo]
_BASE64: Schema = {
    "type": "object",
    "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
    "required": ["b64"],
    "additionalProperties": False,
}
#: Numbers that an input of an example has at most.
_MOST = 1000
#: What an input of this name holds in exports of keras_attention, where text does not.
_EXAMPLES = {"token": "<s>", "target_text": "HH AH L OW"}


def requests(name: str, signature: signature_pb2.SignatureDef) -> Iterable[Schema]:
    """Bodies that ask for a signature: by columns, and by rows where it has rows."""
    infos = signature.inputs
    required = [] if name == DEFAULT_SIGNATURE else ["signature_name"]
    key = {"signature_name": {"const": name}}
    forms: dict[str, Schema] = {INPUTS: _named(infos, 0, signature)}
    if _has_rows(infos):
        rows = _named(infos, 1, signature)
        forms[INSTANCES] = {"type": "array", "items": rows, "minItems": 1}
    for form, schema in forms.items():
        body = object_of(key | {form: schema}, [*required, form])
        yield {"title": f"{name}, {form}"} | body


def answers(infos: _Infos) -> Iterable[Schema]:
    """Answers with these outputs: by columns, and by rows where they have rows."""
    yield object_of({"outputs": _values(infos, 0)})
    if _has_rows(infos):
        rows = {"type": "array", "items": _values(infos, 1)}
        yield object_of({"predictions": rows})


def examples(
    signatures: Mapping[str, signature_pb2.SignatureDef],
) -> dict[str, Any]:
    """A request for each signature that answers it, where that is not too long."""
    return {
        name: {"value": _example(name, signature)}
        for name, signature in signatures.items()
        if all(_size(info) <= _MOST for info in signature.inputs.values())
    }


def object_of(properties: dict[str, Any], required: list[str] | None = None) -> Schema:
    """An object of these properties, all of them required unless names are given."""
    names = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": names}


def _has_rows(infos: _Infos) -> bool:
    return all(shape_of(info.tensor_shape) != () for info in infos.values())


def _named(infos: _Infos, outer: int, signature: signature_pb2.SignatureDef) -> Schema:
    """Inputs by name, without so many of the outer dimensions."""
    found = {name: _tensor(info, outer) for name, info in sorted(infos.items())}
    for name, proto in signature.defaults.items():
        value = _json(decode(proto))
        if not outer:
            found[name]["default"] = value
        elif isinstance(value, list) and value:
            found[name]["default"] = value[0]
    return object_of(found) | {"additionalProperties": True}


def _values(infos: _Infos, outer: int) -> Schema:
    """Outputs by name; of one output that alone."""
    found = {
        name: _tensor(info, outer, name.endswith("_bytes"))
        for name, info in sorted(infos.items())
    }
    return next(iter(found.values())) if len(found) == 1 else object_of(found)


def _tensor(
    info: signature_pb2.TensorInfo, outer: int, encoded: bool | None = None
) -> Schema:
    """A tensor as nested lists, without so many of its outer dimensions.

    Args:
        info: Its dtype and shape.
        outer: How many dimensions are left out.
        encoded: Whether strings are base64, or None where they may be.
    """
    shape = shape_of(info.tensor_shape)
    if shape is None:
        return {"description": f"{_kind(info.dtype)} of any shape"}
    schema = _scalar(info.dtype, encoded)
    for size in reversed(shape[outer:]):
        schema = {"type": "array", "items": schema}
        if size is not None:
            schema |= {"minItems": size, "maxItems": size}
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return schema | {"description": f"{_kind(info.dtype)} [{sizes}]"}


def _kind(dtype: int) -> str:
    return dtype_name(dtype).removeprefix("DT_").lower()


def _scalar(dtype: int, encoded: bool | None) -> Schema:
    if dtype == tensor_pb2.DT_STRING:
        if encoded is None:
            return {"anyOf": [STRING, _BASE64]}
        return _BASE64 if encoded else STRING
    if dtype == tensor_pb2.DT_BOOL:
        return {"type": "boolean"}
    if dtype in RANGES:
        low, high = RANGES[dtype]
        return {"type": "integer", "minimum": low, "maximum": high}
    return {"type": "number"}


def _size(info: signature_pb2.TensorInfo) -> int:
    """How many numbers a tensor has at least."""
    return math.prod(size or 1 for size in shape_of(info.tensor_shape) or ())


def _example(name: str, signature: signature_pb2.SignatureDef) -> dict[str, Any]:
    """A request that the signature answers: one row, defaults where there are any."""
    values = {
        alias: _json(decode(signature.defaults[alias]))
        if alias in signature.defaults
        else _nested(info, shape_of(info.tensor_shape) or (), alias)
        for alias, info in sorted(signature.inputs.items())
    }
    return {"signature_name": name, INPUTS: values}


def _nested(
    info: signature_pb2.TensorInfo, shape: tuple[int | None, ...], alias: str
) -> Any:
    if shape:
        return [_nested(info, shape[1:], alias) for _ in range(shape[0] or 1)]
    if info.dtype == tensor_pb2.DT_STRING:
        return _EXAMPLES.get(alias, "hello")
    return False if info.dtype == tensor_pb2.DT_BOOL else 0


def _json(value: Any) -> Any:
    """An array as nested lists of what JSON knows."""
    if value.dtype.kind == "f":  # In as few digits as say the same.
        return value.astype(str).astype(float).tolist()
    if not value.dtype.hasobject:
        return value.tolist()
    texts = value.copy()
    texts.flat = [item.decode("utf-8", "replace") for item in value.flat]
    return texts.tolist()
