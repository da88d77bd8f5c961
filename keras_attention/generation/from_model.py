"""Generation with a whole model: encode once, then step."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from keras import ops

from keras_attention.backend.loop import compiled, dynamic_shapes
from keras_attention.generation.from_step_function import Source, run
from keras_attention.generation.options.features import Features, features
from keras_attention.generation.options.generation_options import GenerationOptions
from keras_attention.generation.options.row_options import option_values
from keras_attention.generation.options.validation import LISTS, dtype_of, numbers
from keras_attention.generation.result import Generation
from keras_attention.generation.search.loop import SpecialIds
from keras_attention.generation.vocabulary_selection.candidate_search import Narrow

_DEFAULTS = GenerationOptions()
_PLAIN = (bool, int, float, type(None))
_NONE = _DEFAULTS.prefix  # The empty tuple.


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
        self.others: dict[str, Functions] = {}

    def get(self, key: Any, function: Callable[..., Any], signature: Any) -> Any:
        """`function` compiled for `signature`, once for each key."""
        key = (key, signature)
        if key not in self.compiled:
            self.compiled[key] = compiled(function, signature)
        return self.compiled[key]

    def of(self, kind: str) -> "Functions":
        """The graphs of another kind of generation with the same model."""
        return self.others.setdefault(kind, Functions())


def generate_from(
    model: Model,
    source_ids: Any,
    options: GenerationOptions | None = None,
    max_beam_size: int | None = None,
    *,
    functions: Functions,
    narrow: Narrow | None = None,
) -> Generation:
    """Generate target sequences with a model; see `ka.generate`.

    Args:
        model: Anything with the attributes and methods of `Model`.
        source_ids: `[B, S]` integers, every row ending in `end_id`, then `pad_id`.
        options: `ka.GenerationOptions`.
        max_beam_size: N where `alternatives` is a tensor of a graph; and K where
            `beam_size` is one under XLA or in `jax.jit`, which cannot take K from it.
            No row may ask for more, which is not checked.
        functions: Where the model keeps its graphs. In a graph that is being traced
            none is made or used: the search becomes a part of that graph.
        narrow: Says which tokens to look at; then `model.stepper` is asked with
            `candidates`.

    Returns:
        `ka.Generation`, whose `ids` have no start symbol.
    """
    options = options or _DEFAULTS
    source_ids = _ids(source_ids)  # [B, S]
    options.check_rows(source_ids.shape[0])
    ids = (model.pad_id, model.end_id, model.target_vocabulary_size)
    plan = _plan(options, (max_beam_size, not dynamic_shapes()), ids)
    graph = functions.get(
        (plan.known, plan.names),
        functools.partial(_generate, model, narrow, plan.known, plan.names),
        plan.signature,
    )
    return graph(source_ids, *plan.given)


class _Plan(NamedTuple):
    """What a graph is made for, and what it is then given."""

    known: Features
    names: tuple[str, ...]
    signature: tuple[Any, ...]
    given: tuple[Any, ...]


def _plan(options: GenerationOptions, sizes: tuple[Any, ...], ids: Any) -> _Plan:
    """The plan of options; kept where they are plain numbers, for the next call."""
    fields = tuple(vars(options).values())
    if all(type(value) in _PLAIN or value is _NONE for value in fields):
        return _plan_of_numbers(fields, sizes, ids)
    return _new_plan(options, sizes, ids)


@functools.lru_cache(maxsize=128)
def _plan_of_numbers(fields: tuple[Any, ...], sizes: Any, ids: Any) -> _Plan:
    return _new_plan(GenerationOptions(*fields), sizes, ids)


def _new_plan(options: GenerationOptions, sizes: Any, ids: Any) -> _Plan:
    max_beam_size, fixed_sizes = sizes
    # What has its default is a part of the graph; the rest are its inputs.
    given = {
        name: _given(name, value)
        for name, value in option_values(options, *ids).items()
        if not _is_plain(name, getattr(options, name))
    }
    return _Plan(
        features(options, max_beam_size, fixed_sizes),
        tuple(given),
        (
            ((None, None), "int32"),
            *(((None,) * len(x.shape), dtype_of(name)) for name, x in given.items()),
        ),
        tuple(given.values()),
    )


def _generate(
    model: Model,
    narrow: Narrow | None,
    known: Features,
    names: tuple[str, ...],
    source_ids: Any,
    *given: Any,
) -> Generation:
    memory, state, mask = model.encode(source_ids)
    special = SpecialIds(model.pad_id, model.start_id, model.end_id)
    defaults = option_values(_DEFAULTS, special.pad, special.end)
    values = defaults | dict(zip(names, given, strict=True))
    batch_size = ops.shape(mask)[0]
    source = Source(batch_size, ops.sum(ops.cast(mask, "int32"), axis=-1), mask)
    if narrow is None:
        stepper = functools.partial(model.stepper, memory)
        return run(stepper, state, values, known, special, source)
    prefix = ops.cast(ops.convert_to_tensor(values["prefix"]), "int32")
    prefix = ops.broadcast_to(prefix, (batch_size, ops.shape(prefix)[1]))  # [B, P]
    narrowed = narrow(source_ids, prefix)
    generation = run(
        narrowed.stepper(model, memory),
        state,
        values,
        known,
        narrowed.special,
        source,
        narrowed.rows,
    )
    return narrowed.restored(generation)


def _ids(source_ids: Any) -> Any:
    if not ops.is_tensor(source_ids):
        source_ids = np.asarray(source_ids)
    if len(source_ids.shape) != 2:
        raise ValueError(
            "`source_ids` must have rank 2. "
            f"Received: source_ids of shape {tuple(source_ids.shape)}"
        )
    if source_ids.shape[1] == 0:
        raise ValueError(
            "`source_ids` must have a column at least, since every source ends in "
            f"`end_id`. Received: source_ids of shape {tuple(source_ids.shape)}"
        )
    if ops.is_tensor(source_ids):
        return ops.cast(source_ids, "int32")
    return ops.convert_to_tensor(source_ids.astype("int32"))


def _given(name: str, value: Any) -> Any:
    """An array where the value is known, or the tensor that it is."""
    known = numbers(value)
    return value if known is None else known.astype(dtype_of(name))


def _is_plain(name: str, value: Any) -> bool:
    default = getattr(_DEFAULTS, name)
    if name in LISTS:
        return isinstance(value, (list, tuple)) and len(value) == 0
    return value is default or (
        isinstance(value, (bool, int, float)) and value == default
    )
