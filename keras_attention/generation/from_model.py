"""Generation with a whole model: encode once, then step."""

import functools
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from keras import ops

from keras_attention.backend.loop import dynamic_shapes
from keras_attention.generation.compiled_graphs import CompiledGraphs
from keras_attention.generation.from_step_function import Source, run
from keras_attention.generation.options.checks import numbers
from keras_attention.generation.options.features import Features, features
from keras_attention.generation.options.generation_options import GenerationOptions
from keras_attention.generation.options.option import Option
from keras_attention.generation.options.option_table import OPTIONS, IdLists, Values
from keras_attention.generation.options.row_options import RowOptions, option_values
from keras_attention.generation.result import Generation
from keras_attention.generation.search.beam_search_loop import SpecialIds, StepFunction
from keras_attention.generation.vocabulary_selection.candidate_search import (
    VocabularySelector,
)
from keras_attention.layer_support.id_check import id_matrix
from keras_attention.layer_support.types import Ids, Mask, Memory, Shape, State, Tensor

_DEFAULTS = GenerationOptions()
_PLAIN = (bool, int, float, type(None))
_NONE = _DEFAULTS.prefix  # The empty tuple.


class Model(Protocol):
    """What generation needs of a model, such as `ka.Seq2Seq`."""

    pad_id: int
    start_id: int
    end_id: int
    target_vocabulary_size: int
    # `memory_by_row`, where it is there and true: each tensor of the memory is
    # `[B, ...]`, so that rows that have ended can be left out.

    def encode(self, source_ids: Ids) -> tuple[Memory, State, Mask]:
        """Memory, first state and source mask `[B, S]` of ids `[B, S]`."""

    def stepper(self, memory: Memory, beam_size: Tensor = 1) -> StepFunction:
        """The step function of `ka.generate` for `B * K` ids."""


def generate_from(
    model: Model,
    source_ids: Ids,
    options: GenerationOptions | None = None,
    max_beam_size: int | None = None,
    *,
    graphs: CompiledGraphs,
    selector: VocabularySelector | None = None,
) -> Generation:
    """Generate target sequences with a model; see `ka.generate`.

    Args:
        model: Anything with the attributes and methods of `Model`.
        source_ids: `[B, S]` integers, every row ending in `end_id`, then `pad_id`.
        options: `ka.GenerationOptions`.
        max_beam_size: N where `alternatives` is a tensor of a graph; and K where
            `beam_size` is one under XLA or in `jax.jit`, which cannot take K from it.
            No row may ask for more, which is not checked.
        graphs: Where the model keeps its graphs. In a graph that is being traced
            none is made or used: the search becomes a part of that graph.
        selector: Says which tokens to look at; then `model.stepper` is asked with
            `candidates`.

    Returns:
        `ka.Generation`, whose `ids` have no start symbol.
    """
    options = options or _DEFAULTS
    source_ids = id_matrix("source_ids", source_ids)  # [B, S]
    options.check_rows(source_ids.shape[0])
    ids = (model.pad_id, model.end_id, model.target_vocabulary_size)
    plain = all(type(x) in _PLAIN or x is _NONE for x in vars(options).values())
    plan_for = _kept_plan if plain else _plan
    plan = plan_for(options, max_beam_size, not dynamic_shapes(), ids)
    graph = graphs.get(
        (type(model), plan.features, plan.names),
        functools.partial(_generate, model, selector, plan.features, plan.names),
        plan.signature,
    )
    return graph(source_ids, *plan.given)


class _Plan(NamedTuple):
    """What a graph is made for, and what it is then given."""

    features: Features
    names: tuple[str, ...]
    signature: tuple[tuple[Shape, str], ...]
    given: tuple[Tensor, ...]


def _plan(
    options: GenerationOptions,
    max_beam_size: int | None,
    fixed_sizes: bool,
    ids: tuple[int, int, int],
) -> _Plan:
    """What has its default is a part of the graph; the rest are its inputs."""
    given: dict[str, Tensor] = {}
    signature: list[tuple[Shape, str]] = [((None, None), "int32")]
    for name, value in option_values(options, *ids).items():
        if not _is_default(OPTIONS[name], value):
            known, dtype = numbers(value), OPTIONS[name].dtype
            given[name] = value if known is None else known.astype(dtype)
            signature.append(((None,) * len(given[name].shape), dtype))
    return _Plan(
        features(options, max_beam_size, fixed_sizes),
        tuple(given),
        tuple(signature),
        tuple(given.values()),
    )


# Of options that are plain numbers, for the next call.
_kept_plan = functools.lru_cache(maxsize=128)(_plan)


def _generate(
    model: Model,
    selector: VocabularySelector | None,
    features: Features,
    names: tuple[str, ...],
    source_ids: Ids,
    *given: Tensor,
) -> Generation:
    memory, state, mask = model.encode(source_ids)
    special = SpecialIds(model.pad_id, model.start_id, model.end_id)
    defaults = option_values(_DEFAULTS, special.pad, special.end)
    values = defaults | dict(zip(names, given, strict=True))
    batch_size = ops.shape(mask)[0]
    source = Source(batch_size, ops.sum(ops.cast(mask, "int32"), axis=-1), mask)
    asked = (state, values, features)
    by_row = getattr(model, "memory_by_row", False)

    def searched(
        stepper: Callable[[Memory, Tensor], StepFunction],
        memory: Memory,
        special: SpecialIds,
        *adapted: Callable[[RowOptions], RowOptions],
    ) -> Generation:
        def over_whole_memory(_: Memory, slots: Tensor) -> StepFunction:
            return stepper(memory, slots)

        if not by_row:
            return run(over_whole_memory, None, *asked, special, source, *adapted)
        return run(stepper, memory, *asked, special, source, *adapted)

    if selector is None:
        return searched(model.stepper, memory, special)
    prefix = ops.cast(ops.convert_to_tensor(values["prefix"]), "int32")
    prefix = ops.broadcast_to(prefix, (batch_size, ops.shape(prefix)[1]))  # [B, P]
    selection = selector(source_ids, prefix)
    generation = searched(
        selection.stepper(model),
        (memory, selection.candidates.mask),
        selection.special,
        selection.rows,
    )
    return selection.restored(generation)


def _is_default(option: Option, value: Values | IdLists) -> bool:
    if isinstance(value, _PLAIN):
        return value == option.default
    return isinstance(value, np.ndarray) and value.shape == (1, 0)
