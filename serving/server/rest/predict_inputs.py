"""Inputs of a predict request: tensors by rows (instances) or by columns (inputs)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from serving.messages import signature_pb2, tensor_pb2
from serving.server.refusal import Refusal, invalid
from serving.server.rest.json_parsing import quote
from serving.server.rest.json_tensors import assemble, fill, is_base64, tensor

INSTANCES, INPUTS = "instances", "inputs"

Tensors = dict[str, tensor_pb2.TensorProto]
_Infos = Mapping[str, signature_pb2.TensorInfo]


def signature_name(document: dict[str, Any]) -> str:
    """The signature that is asked for; empty for the default one."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {quote(document)} not formatted correctly. 'signature_name' "
            "key must be a string value."
        )
    return name


def tensors(document: dict[str, Any], infos: _Infos) -> tuple[str, Tensors]:
    """The tensors by input name of a predict request's whole body, and its form.

    The form is ``instances`` or ``inputs``, whichever was sent.
    """
    if INSTANCES not in document and INPUTS not in document:
        raise invalid("Missing 'inputs' or 'instances' key")
    if INSTANCES not in document:
        return INPUTS, _from_columns(document[INPUTS], infos)
    if INPUTS in document:
        raise invalid(
            f"JSON Value: {quote(document)} Not formatted correctly expecting only one "
            "of 'inputs' or 'instances' keys to exist "
        )
    instances = document[INSTANCES]
    if not isinstance(instances, list):
        raise invalid(
            f"JSON Value: {quote(document)} Excepting 'instances' to be an list/array"
        )
    if not instances:
        raise invalid(f"JSON Value: {quote(document)} No values in 'instances' array")
    return INSTANCES, _from_rows(instances, infos)


def _from_columns(value: Any, infos: _Infos) -> Tensors:
    if isinstance(value, dict) and not is_base64(value):
        columns = {}
        for name in sorted(infos):
            if name not in value:
                raise invalid(f"Missing named input: {name} in 'inputs' object.")
            columns[name] = tensor(value[name], infos[name].dtype)
        return columns
    if len(infos) > 1:
        raise invalid(
            "inputs is a plain value/list, but expecting an object as multiple input "
            "tensors required as per tensorinfo_map"
        )
    ((name, info),) = infos.items()
    return {name: tensor(value, info.dtype)}


def _from_rows(instances: list, infos: _Infos) -> Tensors:
    if not isinstance(instances[0], dict) and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    columns = _columns(instances, infos)
    if columns is not None:
        try:
            return {n: tensor(column, infos[n].dtype) for n, column in columns.items()}
        except Refusal:
            pass  # row by row it is said where
    return _row_by_row(instances, infos)


def _columns(instances: list, infos: _Infos) -> dict[str, list] | None:
    """All rows as one nested list per input, if every row is what it should be."""
    if all(map(_is_object, instances)):
        if any(row.keys() != infos.keys() for row in instances):
            return None
        return {name: [row[name] for row in instances] for name in infos}
    if len(infos) > 1 or any(map(_is_object, instances)):
        return None
    return {next(iter(infos)): instances}


def _row_by_row(instances: list, infos: _Infos) -> Tensors:
    shapes: dict[str, list[int]] = {}
    flats: dict[str, list] = {}
    objects = _is_object(instances[0])
    for index, row in enumerate(instances):
        if objects != _is_object(row):
            expected = "object" if objects else "value/list"
            received = "list" if objects else "object"
            raise invalid(
                f"Expecting {expected} but got {received} at item {index} of input list"
            )
        for name, value in (row if objects else {min(infos): row}).items():
            try:
                if name not in infos:
                    raise invalid(f"JSON object: does not have named input: {name}")
                shape, flat = fill(value, infos[name].dtype)
                _check_shape(shape, shapes.setdefault(name, shape), len(flat))
                flats.setdefault(name, []).extend(flat)
            except Refusal as refusal:
                key = f" key: {name}" if objects else ""
                raise invalid(
                    f"Failed to process element: {index}{key} of 'instances' list. "
                    f"Error: {refusal}"
                ) from None
        if objects and row.keys() != infos.keys():
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{quote(row)} keys must be equal to: {','.join(sorted(infos))}"
            )
    return {
        name: assemble(infos[name].dtype, [len(instances), *shapes[name]], flat)
        for name, flat in flats.items()
    }


def _check_shape(shape: list[int], first: list[int], count: int) -> None:
    if shape == first:
        return
    if (size := math.prod(first)) != count:
        raise invalid(f"Expecting tensor size: {size} but got: {count}")
    expected, received = str(first).replace(" ", ""), str(shape).replace(" ", "")
    raise invalid(f"Expecting shape {expected} but got: {received}")


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)
