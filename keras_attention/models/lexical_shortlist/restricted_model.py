"""Restriction of a model to the candidates of each sentence."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attention.backend.loop import is_compiled_later
from keras_attention.generation.vocabulary_selection.candidate_output import (
    Candidates,
    union,
)
from keras_attention.generation.vocabulary_selection.candidate_search import (
    VocabularySelection,
    VocabularySelector,
)
from keras_attention.layer_support.building import from_config
from keras_attention.models.generating_model import (
    VOCABULARIES,
    GeneratingModel,
    check_generates,
    id_inputs,
)


@keras.saving.register_keras_serializable(package="keras_attention")
class Restricted(GeneratingModel):
    r"""A model whose generation looks at a shortlist; `ka.Shortlist.restrict` makes it.

    With $A(x)$ the candidates of a source (`ka.Shortlist`) and $z$ the logits of the
    model,

    $$ \log p(y_t \mid y_{<t}, x) = z_{y_t} - \log \sum_{v \in A(x)} e^{z_v},
       \qquad y_t \in A(x) $$

    that is, the model's distribution given that a candidate comes. `log_probs` are
    sums of these, and so never below the model's own. The output layer is computed for
    the candidates of the batch alone; a row takes no part in another's choice or
    normalisation. Tokens of a forced prefix are candidates of their row.

    Called, the model is the one that it was made from: losses and metrics are those of
    the whole vocabulary, and training goes on.

    Args:
        model: `ka.Seq2Seq` or `ka.Ensemble` (whose members are restricted before they
            are averaged), or a model whose `stepper` takes `candidates`.
        table: `[Vs, C]` target ids of each source id, -1 in places left over; or the
            shape of such, to be loaded.
        frequent: `[F]` target ids that are always candidates, or their number.
        **arguments: `name`, `trainable`.

    Raises:
        ValueError: The table is for another source vocabulary, or has ids that the
            target vocabulary has not.
        TypeError: The model lacks what is needed of it.
    """

    def __init__(self, model: Any, table: Any, frequent: Any, **arguments: Any) -> None:
        model = from_config(model)
        _check_model(model)
        lists = _Lists(table, frequent, model.end_id, name="lists")
        if lists.table.shape[0] != model.source_vocabulary_size:
            raise ValueError(
                "`table` must have a row for each source id of the model, "
                f"{model.source_vocabulary_size}. Received: {lists.table.shape[0]} rows"
            )
        if lists.highest >= model.target_vocabulary_size:
            raise ValueError(
                "The shortlist must hold target ids of the model, below "
                f"{model.target_vocabulary_size}. Received: {lists.highest}"
            )
        inputs = id_inputs()
        super().__init__(inputs=inputs, outputs=model(inputs), **arguments)
        self.model = model
        self.lists = lists
        for name in VOCABULARIES:
            setattr(self, name, getattr(model, name))

    def encode(self, source_ids: Any) -> tuple[Any, Any, Any]:
        """What generation needs of the source.

        Args:
            source_ids: `[B, S]`.

        Returns:
            The model's memory with the lists of the source tokens, its first state, and
            the source mask `[B, S]`.
        """
        memory, state, mask = self.model.encode(source_ids)
        return (memory, self._of_sources(source_ids)), state, mask

    def stepper(self, memory: Any, beam_size: Any = 1) -> Callable[[Any, Any], Any]:
        """A step function for `ka.generate`, with logits of the whole vocabulary.

        Minus infinity stands for what is no candidate. `generate` does without these
        and is faster.

        Args:
            memory: What `encode` returned, for B rows.
            beam_size: K: the function is for `B * K` ids.
        """
        memory, rows = memory
        candidates, positions = self._union(rows)
        step = self.model.stepper(memory, beam_size, candidates=candidates)

        def step_fn(ids: Any, state: Any) -> Any:
            logits, weights, state = step(ids, state)  # [B * K, M]
            nothing = ops.full_like(logits[:, :1], -float("inf"))
            logits = ops.concatenate([logits, nothing], axis=-1)
            return ops.take(logits, positions, axis=-1), weights, state  # [B * K, V]

        return step_fn

    def _searched(self) -> tuple[Any, VocabularySelector | None]:
        # Tokens of a target that is scored are candidates, as those of a forced prefix.
        return self.model, self._select

    def get_config(self) -> dict[str, Any]:
        model = keras.saving.serialize_keras_object(self.model)
        model.pop("compile_config", None)
        return {
            "name": self.name,
            "trainable": self.trainable,
            "model": model,
            "table": list(self.lists.table.shape),
            "frequent": int(self.lists.frequent.shape[0]),
        }

    def _select(self, source_ids: Any, prefix: Any) -> VocabularySelection:
        if is_compiled_later(source_ids):
            raise ValueError(
                "How many candidates a batch has is not known before it is there: "
                "expected `generate` outside `jax.jit` and `jit_compile=True`. "
                f"Received: {source_ids}"
            )
        rows = self._of_sources(source_ids)
        forced = ops.where(prefix >= 0, prefix, ops.full_like(prefix, self.end_id))
        rows = ops.concatenate([rows, forced], axis=1)  # [B, N + P]
        return VocabularySelection(*self._union(rows))

    def _of_sources(self, source_ids: Any) -> Any:
        """The lists of a row's tokens, `[B, S * C]`."""
        batch, length = ops.shape(source_ids)
        rows = ops.take(self.lists.table, source_ids, axis=0)  # [B, S, C]
        padding = ops.expand_dims(ops.equal(source_ids, self.pad_id), -1)
        rows = ops.where(padding, ops.full_like(rows, self.end_id), rows)
        return ops.reshape(rows, (batch, length * self.lists.table.shape[1]))

    def _union(self, rows: Any) -> tuple[Candidates, Any]:
        return union(
            rows,
            ops.convert_to_tensor(self.lists.frequent),
            (self.pad_id, self.start_id, self.end_id),
            self.target_vocabulary_size,
        )


class _Lists(keras.layers.Layer):
    """Holds the lists as weights: saved with the model, and never trained."""

    def __init__(self, table: Any, frequent: Any, filler: int, **layer: Any) -> None:
        super().__init__(trainable=False, **layer)
        shaped = isinstance(frequent, int)
        table = np.full(table, -1) if shaped else np.asarray(table)
        frequent = np.full(frequent, filler) if shaped else np.asarray(frequent)
        # In places left over: a token that is a candidate anyway.
        table = np.where(table < 0, filler, table)
        if not table.shape[1]:
            table = np.full((len(table), 1), filler)
        if not len(frequent):
            frequent = np.full(1, filler)
        self.highest = int(max(table.max(initial=0), frequent.max(initial=0)))
        self.table = self._constant("table", table)
        self.frequent = self._constant("frequent", frequent)
        self.built = True

    def _constant(self, name: str, values: np.ndarray) -> Any:
        return self.add_weight(
            shape=values.shape,
            dtype="int32",
            trainable=False,
            initializer=lambda shape, dtype: ops.convert_to_tensor(values, dtype),
            name=name,
        )


def _check_model(model: Any) -> None:
    check_generates("model", model)
    for part in (model, *getattr(model, "members", ())):
        if "candidates" not in inspect.signature(part.stepper).parameters:
            raise TypeError(
                "`model` must have a `stepper` that takes `candidates`. "
                f"Received: {part!r}"
            )
