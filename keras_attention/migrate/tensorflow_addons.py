"""TensorFlow Addons' attention mechanisms and `AttentionWrapper` (0.23)."""

import re
from collections import defaultdict
from typing import Any

import keras
import numpy as np

from keras_attention.attention.alignments.monotonic import MonotonicAlignment
from keras_attention.attention.attention import Attention
from keras_attention.attention.scores import AdditiveScore, GeneralScore
from keras_attention.decoder.decoder import AttentionDecoder
from keras_attention.decoder.readouts import AttentionalReadout
from keras_attention.layer_support.building import require_built
from keras_attention.migrate.assignments import (
    Arrays,
    Assignment,
    assign,
    layer_weights,
    require,
    rows_swapped,
    same,
)

_ENDS = [
    (r"(attention_(?:v|g|b|score_bias))", r"\1"),
    (r"scale_weight", "attention_g"),  # LuongAttention's attribute
    (r"((?:query|memory)_layer/\w+)", r"\1"),
    (r"_?attention_layers?(?:_\d+)?(?:/0)?/(\w+)", r"attention_layer/\1"),
]


def tensorflow_addons(
    arrays: Arrays,
    layer: AttentionDecoder | Attention,
    output_layer: keras.layers.Dense | None = None,
) -> list[str]:
    r"""Weights of an `AttentionWrapper`, or of an attention mechanism alone.

    | TensorFlow Addons | the layer |
    |---|---|
    | `BahdanauAttention(units, normalize=...)` | `ka.BahdanauAttention(units, normalize=...)` |
    | `LuongAttention(units, scale=True)` | `ka.LuongAttention("general", scale="learned")` |
    | `...MonotonicAttention(mode="hard")` | `alignment=ka.alignments.MonotonicAlignment("hard")` |
    | `AttentionWrapper(attention_layer_size=n)` | `ka.AttentionDecoder(order="luong", readout=ka.readouts.AttentionalReadout(n, "linear"))` |
    | `AttentionWrapper(output_attention=False)` | `ka.AttentionDecoder(order="luong", readout="none")` |

    The wrapper's attention layer takes $[h_t; c_t]$, the readout $[c_t; h_t]$.

    Args:
        arrays: By the names of the variables or those of a checkpoint
            (`read_checkpoint`, `read_h5`), nothing but what is asked for (`select`).
            Names that do not tell what they are may be replaced by `query_layer/kernel`,
            `memory_layer/kernel`, `attention_layer/kernel`, `output_layer/kernel`,
            `cell/kernel` with `cell/recurrent_kernel` and `cell/bias`, or with several
            cells `cells/0/kernel` and so on.
        layer: Built.
        output_layer: The output layer of `BasicDecoder`, built.

    Returns:
        Paths of the layer's weights that TensorFlow Addons has nothing for; a bridge's.

    Raises:
        ValueError: The layer is no counterpart; arrays are missing, left over or of
            another shape. Nothing is assigned then.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> from keras_attention import migrate
    >>> attention = ka.LuongAttention("general")
    >>> attention.build((2, 3), (2, 5, 4))
    >>> migrate.tensorflow_addons({"LuongAttention/kernel:0": np.ones((4, 3))}, attention)
    []
    """  # noqa: E501
    require_built(layer, "tensorflow_addons", "...")
    if isinstance(layer, Attention):
        wanted = _attention(layer)
    else:
        require(
            layer.order.name == "luong" and layer.input_feeding,
            'an AttentionDecoder of order "luong" with input feeding',
            f"order={layer.order.name!r}, input_feeding={layer.input_feeding}",
        )
        wanted = [*_attention(layer.attention), *_cells_and_readout(layer)]
    if output_layer is not None:
        require_built(output_layer, "tensorflow_addons", "...")
        wanted += layer_weights(output_layer, "output_layer")
    return assign(
        wanted, _by_role(arrays, {k for x in wanted for k in x.sources}), layer
    )


def _attention(attention: Any) -> list[Assignment]:
    score: Any = getattr(attention, "score", None)
    require(
        isinstance(score, AdditiveScore | GeneralScore)
        and not getattr(score, "layer_normalize", False)
        and attention.num_heads == 1,
        "an attention of one head with the general or the additive score, not "
        "layer-normalised",
        f"{type(attention).__name__} of {attention.num_heads} heads with "
        f"{type(score).__name__}, "
        f"layer_normalize={getattr(score, 'layer_normalize', False)}",
    )
    if isinstance(score, GeneralScore):
        named = {"memory_layer/kernel": score.kernel, "attention_g": score.g}
    else:
        named = {
            "query_layer/kernel": score.query.kernel,
            "memory_layer/kernel": score.key.kernel,
            "attention_v": score.v,
            "attention_g": score.g,
            "attention_b": score.b,
        }
    wanted = [same(v, name) for name, v in named.items() if v is not None]
    if isinstance(attention.alignment, MonotonicAlignment):
        bias = {"attention_score_bias": ()}
        wanted.append(Assignment(attention.alignment.r, bias, np.atleast_1d))
    return wanted


def _cells_and_readout(decoder: AttentionDecoder) -> list[Assignment]:
    cells = decoder.stack.cells
    names = ["cell"] if len(cells) == 1 else [f"cells/{i}" for i in range(len(cells))]
    wanted = [
        each
        for name, cell in zip(names, cells, strict=True)
        for each in layer_weights(cell, name)
    ]
    if isinstance(decoder.readout, AttentionalReadout):
        kernel, hidden = decoder.readout.kernel, decoder.stack.output_depth
        wanted.append(rows_swapped(kernel, "attention_layer/kernel", hidden))
    return wanted


def _by_role(arrays: Arrays, wanted: set[str]) -> dict[str, Any]:
    """The arrays by what they are, where their names tell and it is wanted."""
    plain = {re.sub(r":0$", "", name): name for name in arrays}
    cells = [x.rsplit("/", 1)[0] for x in plain if x.endswith("/recurrent_kernel")]
    cells.sort(key=_numbers_by_size)
    roles: dict[str, list[str]] = defaultdict(list)
    for name in sorted(plain, key=lambda x: x.count("/")):
        roles[_role(name, plain, cells, roles)].append(plain[name])
    return {
        role if role in wanted and len(names) == 1 else name: arrays[name]
        for role, names in roles.items()
        for name in names
    }


def _role(name: str, names: Any, cells: list[str], known: Any) -> str:
    for end, role in _ENDS:
        if match := re.search(rf"(?:^|/){end}$", name):
            return match.expand(role)
    layer, _, weight = name.rpartition("/")
    if layer in cells:
        place = "cell" if len(cells) == 1 else f"cells/{cells.index(layer)}"
        return f"{place}/{weight}"
    if re.search(r"Attention(_\d+)?$", layer) or f"{layer}/attention_v" in names:
        # Keras 2 names both kernels after the mechanism; that of the query is made
        # later, by a call inside of the wrapper, so that its name is the longer one.
        part = "query" if "memory_layer/kernel" in known else "memory"
        return f"{part}_layer/{weight}"
    return f"output_layer/{weight}"


def _numbers_by_size(name: str) -> list[Any]:
    return [int(x) if x.isdigit() else x for x in re.split(r"(\d+)", name)]
