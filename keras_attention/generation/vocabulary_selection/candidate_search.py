"""A search that looks at candidates instead of the whole vocabulary.

A search works with numbers from 0 to V - 1. Among candidates these numbers are
places in their list, so that everything as wide as the vocabulary, the output layer
first of all, is as wide as the list.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_attention.backend.gather import gather
from keras_attention.generation.options.row_options import RowOptions
from keras_attention.generation.result import Generation
from keras_attention.generation.search.loop import SpecialIds
from keras_attention.generation.vocabulary_selection.candidate_output import Candidates


class Narrowed(NamedTuple):
    """Candidates only; a row keeps to its own.

    Attributes:
        candidates: `ids [M]` that begin with padding, start and end, and
            `mask [B, M]`.
        places: `[V]` where each token is among them, M where it is none.
    """

    candidates: Candidates
    places: Any

    @property
    def special(self) -> SpecialIds:
        """The special tokens as the search numbers them."""
        return SpecialIds(pad=0, start=1, end=2)

    def stepper(self, model: Any, memory: Any) -> Callable[[Any], Any]:
        """Given K, the model's step function of and for the search's numbers."""

        def stepper(beam_size: Any) -> Callable[[Any, Any], Any]:
            step = model.stepper(memory, beam_size, candidates=self.candidates)

            def step_fn(places: Any, state: Any) -> Any:
                return step(gather(self.candidates.ids, places), state)

            return step_fn

        return stepper

    def rows(self, rows: RowOptions) -> RowOptions:
        """The options in the search's numbers."""
        return rows._replace(
            banned_tokens=self._numbered(rows.banned_tokens),
            prefix=self._numbered(rows.prefix),
            possible=self.candidates.mask,
            token_ids=self.candidates.ids,
        )

    def restored(self, generation: Generation) -> Generation:
        """What was generated, in the model's ids."""
        return generation._replace(ids=gather(self.candidates.ids, generation.ids))

    def _numbered(self, ids: Any) -> Any:
        """`[B, N]`, -1 staying what it is."""
        return ops.where(ids >= 0, gather(self.places, ops.maximum(ids, 0)), ids)


# Of source ids `[B, S]` and ids that are candidates for sure, `[B, P]`, -1 for none.
Narrow = Callable[[Any, Any], Narrowed]
