"""The implementations that are compared, by name.

| name | what |
|---|---|
| `ours` | `ka.Seq2Seq` in a TensorFlow graph |
| `ours-xla` | the same compiled by XLA (training only) |
| `keras-careful` | plain Keras: `Bidirectional(LSTM)`, an `RNN` around a cell with attention, the keys projected once per batch |
| `keras-naive` | the same, the keys projected in every step |
| `keras-careful-xla` | `keras-careful` compiled by XLA (training only) |
| `torch` | `nn.LSTM` and a loop over `nn.LSTMCell`, eager, keys projected once |
| `torch-compile` | the same, its decoder step through `torch.compile` |
| `onnx-step` | encoder and decoder step in ONNX Runtime, the loop in Python (generation only) |
| `onnx-loop` | the whole search in ONNX Runtime, one session run (generation only) |
| `yoyodyne` | `SoftAttentionLSTMModel` of yoyodyne, eager; a model of its own |
| `addons` | `BahdanauAttention`, `AttentionWrapper` and `BasicDecoder` of TensorFlow Addons; a model of its own |
| `shortlist` | `ka.Shortlist` on `ka.Seq2Seq` (`benchmarks.shortlist` only) |
| `whole` | the same without it |
| `lstm` | `ka.RecurrentEncoder` of one LSTM in one direction (`benchmarks.lstm_layer` only) |
| `keras-lstm`, `keras-lstm-xla` | `keras.layers.LSTM`, in a graph and compiled by XLA |
| `torch-lstm` | `torch.nn.LSTM`, eager |
| `served-compiled`, `served-plain` | an export in the server's session, compiled by XLA or not (`benchmarks.served_generation` only) |
| `served-text-compiled`, `served-text-plain` | the same from text to text |
| `gemm` | no model: how fast this machine multiplies matrices, for the floor |

A variant's module has `train_step(...)` and `generate(...)`, each returning a
`Workload`. Modules import their framework at the top, so they are imported only
in the process that runs them.
"""  # noqa: E501

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.problem import MODELS, Arrays


class Workload(NamedTuple):
    """One variant with its weights and data in place.

    Attributes:
        check: `case` to named outputs, arrays, that all variants must agree on.
        call: `case` to nothing: what is timed, ended when its results are there.
        versions: Of the framework.
        threads: What the framework says it uses.
    """

    check: Callable[[str], Arrays]
    call: Callable[[str], Any]
    versions: dict[str, str]
    threads: dict[str, int]


class Setting(NamedTuple):
    """How to run, the same for all variants.

    Attributes:
        threads: Threads the framework may use.
        optimizer: Whether a training step ends with Adam.
        max_length: Steps to generate.
    """

    threads: int
    optimizer: bool = False
    max_length: int = 0


_MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "ours": ("ours", {}),
    "ours-xla": ("ours", {"xla": True}),
    "keras-careful": ("plain_keras", {}),
    "keras-naive": ("plain_keras", {"naive": True}),
    "keras-careful-xla": ("plain_keras", {"xla": True}),
    "torch": ("plain_torch", {}),
    "torch-compile": ("plain_torch", {"compiled": True}),
    "onnx-step": ("onnx_runtime", {}),
    "onnx-loop": ("onnx_runtime", {"loop": True}),
    "yoyodyne": ("yoyodyne_model", {}),
    "addons": ("tensorflow_addons_model", {}),
    "shortlist": ("lexical", {"restricted": True}),
    "whole": ("lexical", {}),
    "lstm": ("recurrent_layer", {}),
    "keras-lstm": ("recurrent_layer", {"plain": True}),
    "keras-lstm-xla": ("recurrent_layer", {"plain": True, "xla": True}),
    "torch-lstm": ("torch_layer", {}),
    "served-compiled": ("served", {"compiled": True}),
    "served-plain": ("served", {}),
    "served-text-compiled": ("served", {"compiled": True, "text": True}),
    "served-text-plain": ("served", {"text": True}),
    "gemm": ("gemm", {}),
    # Of `benchmarks.additive_attention`: what computes it, and how.
    **{
        f"{name}-{way}": ("additive", {"ours": name == "attention", **compiled})
        for name in ("attention", "keras-attention")
        for way, compiled in (
            ("graph", {}),
            ("xla", {"compiled": True}),
            ("jax", {}),
            ("torch-eager", {}),
            ("torch-compile", {"compiled": True}),
        )
    },
}
NAMES = tuple(_MODULES)
# In an environment of their own, by its name in `benchmarks.peers`.
ENVIRONMENTS = {
    "onnx-step": "onnx",
    "onnx-loop": "onnx",
    "yoyodyne": "yoyodyne",
    "addons": "addons",
}
# Of benchmarks of their own.
LEXICAL = ("shortlist", "whole")
LAYERS = ("lstm", "keras-lstm", "keras-lstm-xla", "torch-lstm")
SERVED = tuple(name for name in NAMES if name.startswith("served-"))
ATTENTION = tuple(
    name for name, (module, _) in _MODULES.items() if module == "additive"
)


def computes(name: str, model: str) -> bool:
    """Whether a variant computes this model of `problem.MODELS`."""
    own = name if name in MODELS else "bahdanau"
    return name in ("ours", "ours-xla") or own == model


def backend(name: str) -> str:
    """The backend of Keras that a variant runs on."""
    way = name.rpartition("attention-")[2] if name in ATTENTION else ""
    return {"jax": "jax"}.get(way, "torch" if "torch" in way else "tensorflow")


def make(
    task: str, name: str, weights: Arrays, cases: dict[str, Arrays], setting: Setting
) -> Workload:
    """The workload of variant `name` for `task`, `"train_step"` or `"generate"`."""
    module, arguments = _MODULES[name]
    build = getattr(importlib.import_module(f"benchmarks.variants.{module}"), task)
    return build(weights, cases, setting, **arguments)
