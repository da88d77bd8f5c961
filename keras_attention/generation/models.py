"""Generation with a whole model: encode once, then step."""

import functools
from collections.abc import Callable
from typing import Any, Protocol

import keras
from keras import ops

from keras_attention.generation.greedy import greedy
from keras_attention.generation.options import GenerationOptions
from keras_attention.generation.result import Generation
from keras_attention.generation.rows import (
    Features,
    RowOptions,
    features,
    is_greedy,
    row_limits,
    row_options,
)
from keras_attention.generation.search import SpecialIds, search
from keras_attention.scan import compiled

_ROWS = ((None,), "int32")


class Model(Protocol):
    """What generation needs of a model, such as `ka.Seq2Seq`."""

    pad_id: int
    start_id: int
    end_id: int
    target_vocabulary_size: int

    def encode(self, source_ids: Any) -> tuple[Any, Any, Any]:
        """Memory, first state and source mask `[B, S]` of ids `[B, S]`."""

    def stepper(self, memory: Any, beam_size: Any = 1) -> Callable[[Any, Any], Any]:
        """The step function of `ka.generate` for `B * K` ids."""


class Functions:
    """Keeps a model's graphs where Keras and SavedModel do not look for them."""

    def __init__(self) -> None:
        self.compiled: dict[Any, Callable[..., Any]] = {}

    def get(self, key: Any, function: Callable[..., Any], signature: Any) -> Any:
        """`function` compiled for `signature`, once for each key."""
        key = (key, signature)
        if key not in self.compiled:
            self.compiled[key] = compiled(function, signature)
        return self.compiled[key]


def generate_from(
    model: Model,
    source_ids: Any,
    options: GenerationOptions | None = None,
    max_beam_size: int | None = None,
    *,
    functions: Functions,
) -> Generation:
    """Generate target sequences with a model; see `ka.generate`.

    Args:
        model: Anything with the attributes and methods of `Model`.
        source_ids: `[B, S]` integers, every row ending in `end_id`, then `pad_id`.
        options: `ka.GenerationOptions`.
        max_beam_size: Bound on `beam_size` where that is a tensor of a graph.
        functions: Where the model keeps its graphs. In a graph that is being traced
            none is made or used: the search becomes a part of that graph.

    Returns:
        `ka.Generation`, whose `ids` have no start symbol.
    """
    options = options or GenerationOptions()
    source_ids = ops.cast(ops.convert_to_tensor(source_ids), "int32")
    if len(source_ids.shape) != 2:
        raise ValueError(
            "`source_ids` must have rank 2. "
            f"Received: source_ids of shape {tuple(source_ids.shape)}"
        )
    lengths = ops.sum(
        ops.cast(ops.not_equal(source_ids, model.pad_id), "int32"), axis=-1
    )
    batch_size = ops.shape(source_ids)[0]
    sources = ((None, None), "int32")
    if is_greedy(options):
        limits = row_limits(options, batch_size, lengths)  # [B]
        run = functions.get(
            "greedy", functools.partial(_greedy, model), (sources, _ROWS)
        )
        return run(source_ids, limits)
    rows = row_options(options, batch_size, model.target_vocabulary_size, lengths)
    needed = features(options, max_beam_size)
    run = functions.get(
        (needed, options.alternatives),
        functools.partial(_search, model, needed, options.alternatives),
        (
            sources,
            *(
                ((None,) * len(x.shape[:1]) + tuple(x.shape[1:]), _dtype(x))
                for x in rows
            ),
        ),
    )
    return run(source_ids, *rows)


def _greedy(model: Model, source_ids: Any, limits: Any) -> Generation:
    memory, state, mask = model.encode(source_ids)
    return greedy(
        model.stepper(memory),
        state,
        limits,
        ops.shape(mask)[0],
        model.pad_id,
        model.start_id,
        model.end_id,
    )


def _search(
    model: Model, needed: Features, alternatives: int, source_ids: Any, *rows: Any
) -> Generation:
    memory, state, mask = model.encode(source_ids)
    return search(
        model.stepper(memory, needed.beams),
        state,
        RowOptions(*rows),
        needed,
        alternatives,
        SpecialIds(model.pad_id, model.start_id, model.end_id),
        mask,
    )


def _dtype(x: Any) -> str:
    return str(keras.backend.standardize_dtype(x.dtype))
