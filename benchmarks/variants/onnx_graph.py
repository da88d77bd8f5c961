"""The model as ONNX graphs: its encoder, one step of greedy search, and the whole."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.problem import END, PAD, START, Arrays

_OPSET, _IR = 20, 10
_FLOAT, _IDS, _TRUTH = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
# What one step hands to the next, and what the encoder hands to every step.
CARRIED = ("ids", "h", "c", "ended", "log_probs", "lengths")
MEMORY = ("value", "keys", "mask")


class Nodes:
    """Nodes in the order they are added, and the constants they use."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, operation: str, *inputs: Any, outputs: int = 1, **more: Any):
        """The name of the result, or names; arrays among the inputs are constants."""
        number = len(self.nodes)
        names = [f"{self._prefix}{number}_{i}" for i in range(outputs)]
        given = [x if isinstance(x, str) else self._constant(x) for x in inputs]
        self.nodes.append(helper.make_node(operation, given, names, **more))
        return names if outputs > 1 else names[0]

    def name(self, given: str, wanted: str) -> None:
        """Give a result the name that it has outside."""
        self.nodes.append(helper.make_node("Identity", [given], [wanted]))

    def _constant(self, value: Any) -> str:
        name = f"{self._prefix}constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def encode(add: Nodes, weights: Arrays) -> dict[str, str]:
    """From `source [B, S]` to `MEMORY` and the first states."""
    half = weights["forward/recurrent_kernel"].shape[0]
    mask = add("Not", add("Equal", "source", np.int64(PAD)))  # [B, S]
    lengths = add("Cast", mask, to=TensorProto.INT32)
    lengths = add("ReduceSum", lengths, np.array([1]), keepdims=0)  # [B]
    embedded = add("Gather", weights["source_embedding"], "source")  # [B, S, E]
    embedded = add("Transpose", embedded, perm=[1, 0, 2])  # [S, B, E]
    directions = [_lstm_weights(weights, name) for name in ("forward", "backward")]
    stacked = [np.concatenate(both) for both in zip(*directions, strict=True)]
    # [S, 2, B, U/2], [2, B, U/2], [2, B, U/2]
    value, h, c = add(
        *("LSTM", embedded, *stacked, lengths),
        outputs=3,
        direction="bidirectional",
        hidden_size=half,
    )
    value = add("Transpose", value, perm=[2, 0, 1, 3])
    value = add("Reshape", value, np.array([0, 0, -1]))  # [B, S, U]
    last = [add("Transpose", state, perm=[1, 0, 2]) for state in (h, c)]
    last = [add("Reshape", state, np.array([0, -1])) for state in last]  # [B, U]
    joined = add("Concat", *last, axis=-1)  # [B, 2U]
    found = {"value": value, "mask": mask}
    found["keys"] = add("MatMul", value, weights["attention/key"])  # [B, S, U]
    for state in ("h", "c"):
        dense = [weights[f"bridge_{state}/{part}"] for part in ("kernel", "bias")]
        found[state] = add("Tanh", add("Gemm", joined, *dense))  # [B, U]
    return found


def step(add: Nodes, weights: Arrays, given: dict[str, str]) -> tuple[Any, str, str]:
    """`CARRIED` after one step; what was written; the weights `[B, S]`."""
    units = weights["cell/recurrent_kernel"].shape[0]
    ended = given["ended"]
    query = add("MatMul", given["h"], weights["attention/query"])  # [B, U]
    hidden = add("Add", add("Unsqueeze", query, np.array([1])), given["keys"])
    energies = add("MatMul", add("Tanh", hidden), weights["attention/v"])  # [B, S]
    energies = add("Where", given["mask"], energies, np.float32(-1e9))
    attended = add("Softmax", energies, axis=-1)
    row = add("Unsqueeze", attended, np.array([1]))
    context = add("MatMul", row, given["value"])  # [B, 1, U]
    context = add("Squeeze", context, np.array([1]))
    embedded = add("Gather", weights["target_embedding"], given["ids"])  # [B, E]
    fed = add("Concat", embedded, context, axis=-1)  # [B, E + U]
    fed, h, c = (
        add("Unsqueeze", one, np.array([0])) for one in (fed, given["h"], given["c"])
    )
    _, h, c = add(
        *("LSTM", fed, *_lstm_weights(weights, "cell"), "", h, c),
        outputs=3,
        hidden_size=units,
    )
    h, c = (add("Squeeze", state, np.array([0])) for state in (h, c))  # [B, U]
    output = add("Concat", h, context, axis=-1)  # [B, 2U]
    dense = weights["output/kernel"], weights["output/bias"]
    logits = add("Gemm", output, *dense)  # [B, V]
    normaliser = add("ReduceLogSumExp", logits, np.array([-1]), keepdims=0)
    forbidden = np.zeros(len(weights["output/bias"]), "float32")
    forbidden[PAD] = -np.inf
    logits = add("Add", logits, forbidden)
    chosen = add("ArgMax", logits, axis=-1, keepdims=0)  # [B]
    best = add("ReduceMax", logits, np.array([-1]), keepdims=0)
    gained = add("Where", ended, np.float32(0), add("Sub", best, normaliser))
    more = add("Cast", add("Not", ended), to=_IDS)
    now = add("Equal", chosen, np.int64(END))
    carried = {
        "ids": add("Where", ended, np.int64(PAD), chosen),
        "h": h,
        "c": c,
        "ended": add("Or", ended, now),
        "log_probs": add("Add", given["log_probs"], gained),
        "lengths": add("Add", given["lengths"], more),
    }
    column = add("Unsqueeze", ended, np.array([1]))
    attended = add("Where", column, np.float32(0), attended)
    left = add("Cast", add("Not", carried["ended"]), to=TensorProto.INT32)
    going_on = add("Cast", add("ReduceMax", left, keepdims=0), to=_TRUTH)
    return carried, attended, going_on


def encoder_model(weights: Arrays) -> bytes:
    """`source` to `MEMORY`, `h`, `c`."""
    add = Nodes("e")
    found = encode(add, weights)
    for name, given in found.items():
        add.name(given, name)
    return _model(add, [_of("source", _IDS, "BS")], _memory() + _carried()[1:3])


def step_model(weights: Arrays) -> bytes:
    """`CARRIED` and `MEMORY` to `next_*`, `attended` and `going_on`."""
    add = Nodes("s")
    given = {name: name for name in (*CARRIED, *MEMORY)}
    carried, attended, going_on = step(add, weights, given)
    for name, result in carried.items():
        add.name(result, f"next_{name}")
    add.name(attended, "attended")
    add.name(going_on, "going_on")
    outputs = _carried("next_") + [_of("attended", _FLOAT, "BS")]
    outputs.append(_of("going_on", _TRUTH, ""))
    return _model(add, _carried() + _memory(), outputs)


def greedy_model(weights: Arrays, max_length: int) -> bytes:
    """`source` to `ids [T, B]`, `attended [T, B, S]`, `log_probs`, `lengths`."""
    body = Nodes("b")
    add = Nodes("g")
    memory = encode(add, weights)
    inside = {name: f"in_{name}" for name in CARRIED}
    carried, attended, going_on = step(body, weights, memory | inside)
    for name, result in carried.items():
        body.name(result, f"out_{name}")
    for name, result in (("going_on", going_on), ("attended", attended)):
        body.name(result, name)
    body.name(carried["ids"], "written")
    step_graph = helper.make_graph(
        body.nodes,
        "step",
        [_of("number", _IDS, ""), _of("go", _TRUTH, ""), *_carried("in_")],
        [_of("going_on", _TRUTH, ""), *_carried("out_")]
        + [_of("written", _IDS, "B"), _of("attended", _FLOAT, "BS")],
        body.constants,
    )
    batch = add("Shape", "source", start=0, end=1)
    first = {"h": memory["h"], "c": memory["c"]}
    for name, value in (
        ("ids", np.array([START])),
        ("ended", np.array([False])),
        ("log_probs", np.zeros(1, "float32")),
        ("lengths", np.zeros(1, "int64")),
    ):
        first[name] = add("Expand", value, batch)
    *last, written, attended = add(
        "Loop",
        np.int64(max_length),
        np.bool_(True),
        *(first[name] for name in CARRIED),
        outputs=len(CARRIED) + 2,
        body=step_graph,
    )
    for name, result in zip(CARRIED[-2:], last[-2:], strict=True):
        add.name(result, name)
    add.name(written, "ids")
    add.name(attended, "attended")
    outputs = [_of("ids", _IDS, "TB"), _of("attended", _FLOAT, "TBS")]
    return _model(add, [_of("source", _IDS, "BS")], outputs + _carried()[-2:])


def _lstm_weights(weights: Arrays, name: str) -> list[np.ndarray]:
    """W `[1, 4U, D]`, R `[1, 4U, U]`, B `[1, 8U]`: gates i, o, f, c, not i, f, c, o."""

    def gates(value: np.ndarray) -> np.ndarray:
        i, f, c, o = np.split(value.T, 4)
        return np.concatenate([i, o, f, c])[None]

    kernel, recurrent = weights[f"{name}/kernel"], weights[f"{name}/recurrent_kernel"]
    bias = gates(weights[f"{name}/bias"])
    return [
        gates(kernel),
        gates(recurrent),
        np.concatenate([bias, np.zeros_like(bias)], -1),
    ]


def _of(name: str, kind: int, shape: str) -> Any:
    """A declared tensor, its dimensions by letters."""
    return helper.make_tensor_value_info(name, kind, list(shape))


def _carried(prefix: str = "") -> list[Any]:
    kinds = (_IDS, _FLOAT, _FLOAT, _TRUTH, _FLOAT, _IDS)
    shapes = ("B", "BU", "BU", "B", "B", "B")
    named = zip(CARRIED, kinds, shapes, strict=True)
    return [_of(f"{prefix}{name}", kind, shape) for name, kind, shape in named]


def _memory() -> list[Any]:
    kinds, shapes = (_FLOAT, _FLOAT, _TRUTH), ("BSU", "BSU", "BS")
    return [_of(*one) for one in zip(MEMORY, kinds, shapes, strict=True)]


def _model(add: Nodes, inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
    graph = helper.make_graph(add.nodes, "model", inputs, outputs, add.constants)
    opset = [helper.make_opsetid("", _OPSET)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=_IR)
    onnx.checker.check_model(made)
    return made.SerializeToString()
