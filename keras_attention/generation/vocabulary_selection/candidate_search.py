"""Search among candidate tokens instead of the whole vocabulary.

A search works with numbers from 0 to V - 1. Among candidates these numbers are
positions in their list, so that everything as wide as the vocabulary, the output layer
first of all, is as wide as the list.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from keras import ops

from keras_attention.backend.gather import gather
from keras_attention.generation.options.option_table import LISTS
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.result import Generation
from keras_attention.generation.search.beam_search_loop import SpecialIds, StepFunction
from keras_attention.generation.vocabulary_selection.candidate_output import Candidates
from keras_attention.layer_support.types import Ids, Memory, State, Tensor


class VocabularySelection(NamedTuple):
    """Candidates of a batch; a row keeps to its own.

    Attributes:
        candidates: `ids [M]` that begin with padding, start and end, and
            `mask [B, M]`.
        positions: `[V]` where each token is among them, M where it is none.
    """

    candidates: Candidates
    positions: Tensor

    @property
    def special(self) -> SpecialIds:
        """The special tokens as the search numbers them."""
        return SpecialIds(pad=0, start=1, end=2)

    def stepper(self, model: Any) -> Callable[[Memory, Tensor], StepFunction]:
        """Given `(memory, mask)` and K, the model's step function for such numbers."""

        def stepper(memory: Memory, beam_size: Tensor) -> StepFunction:
            memory, mask = memory
            own = self.candidates._replace(mask=mask)
            step = model.stepper(memory, beam_size, candidates=own)

            def step_fn(numbers: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
                return step(gather(self.candidates.ids, numbers), state)

            return step_fn

        return stepper

    def rows(self, rows: RowOptions) -> RowOptions:
        """The options in the search's numbers."""
        return dataclasses.replace(
            rows,
            possible=self.candidates.mask,
            token_ids=self.candidates.ids,
            **{name: self._numbered(getattr(rows, name)) for name in LISTS},
        )

    def restored(self, generation: Generation) -> Generation:
        """What was generated, in the model's ids."""
        return generation._replace(ids=gather(self.candidates.ids, generation.ids))

    def _numbered(self, ids: Ids) -> Tensor:
        """`[B, N]`, -1 staying what it is."""
        return ops.where(ids >= 0, gather(self.positions, ops.maximum(ids, 0)), ids)


VocabularySelector: TypeAlias = Callable[[Ids, Ids], VocabularySelection]
"""Of source ids `[B, S]` and ids that are candidates anyway, `[B, P]`, -1 for none."""
