"""Base of all models that generate: encode once, then step."""

from typing import Any

import keras

from keras_attention.generation import Generation, GenerationOptions
from keras_attention.generation.compiled_graphs import CompiledGraphs
from keras_attention.generation.from_model import generate_from
from keras_attention.generation.search.beam_search_loop import StepFunction
from keras_attention.generation.vocabulary_selection.candidate_search import (
    VocabularySelector,
)
from keras_attention.layer_support.quantization import quantize_again
from keras_attention.layer_support.types import Ids, Mask, Memory, State, Tensor
from keras_attention.models.likelihood import Likelihoods, likelihoods
from keras_attention.models.named_inputs import NamedInputs
from keras_attention.models.training import TrainedModel

# What models must have in common to read and to write the same ids.
VOCABULARIES = (
    "source_vocabulary_size",
    "target_vocabulary_size",
    "pad_id",
    "start_id",
    "end_id",
)


def id_inputs() -> dict[str, Tensor]:
    """The inputs of every such model: `source_ids [B, S]`, `target_ids [B, T]`."""
    names = ("source_ids", "target_ids")
    return {name: keras.Input((None,), dtype="int32", name=name) for name in names}


class GeneratingModel(NamedInputs, TrainedModel):
    """A functional model that generates and scores. Abstract.

    Subclasses set the attributes, and define `encode` and `stepper`.

    Attributes:
        source_vocabulary_size: Number of source symbols.
        target_vocabulary_size: V.
        pad_id, start_id, end_id: Special ids.
    """

    source_vocabulary_size: int
    target_vocabulary_size: int
    pad_id: int
    start_id: int
    end_id: int

    def __init__(self, *functional: Any, **arguments: Any) -> None:
        super().__init__(*functional, **arguments)
        self.graphs = CompiledGraphs(self)

    def encode(self, source_ids: Ids) -> tuple[Memory, State, Mask]:
        """What generation needs of the source.

        Args:
            source_ids: `[B, S]`.

        Returns:
            The memory, the first state, and the source mask `[B, S]`.
        """
        raise NotImplementedError

    def stepper(self, memory: Memory, beam_size: Tensor = 1) -> StepFunction:
        """A step function for `ka.generate`: ids to logits, weights, state.

        Args:
            memory: What `encode` returned, for B rows.
            beam_size: K: the function is for `B * K` ids.
        """
        raise NotImplementedError

    def generate(
        self,
        source_ids: Ids,
        options: GenerationOptions | None = None,
        max_beam_size: int | None = None,
    ) -> Generation:
        """Generate target sequences; see `ka.generate`.

        Args:
            source_ids: `[B, S]` integers, every row ending in `end_id`, then
                `pad_id`.
            options: `ka.GenerationOptions`.
            max_beam_size: Bound on `beam_size` and `alternatives` where these are
                tensors of a graph: N where `alternatives` is one, and K where
                `beam_size` is one under XLA or in `jax.jit`. No row may ask for more.

        Returns:
            `ka.Generation`, whose `ids` have no start symbol.
        """
        model, selector = self._searched()
        return generate_from(
            model,
            source_ids,
            options,
            max_beam_size,
            graphs=self.graphs,
            selector=selector,
        )

    def score(self, source_ids: Ids, target_ids: Ids) -> Likelihoods:
        """How probable given targets are, token by token (teacher forcing).

        The numbers are those of `generate` with the targets as `prefix`.

        Args:
            source_ids: `[B, S]` integers, every row ending in `end_id`, then
                `pad_id`.
            target_ids: `[B, T]` integers, T >= 1, without start symbol, such as
                `generate` returns: tokens, `end_id` where the row is complete,
                then `pad_id`.

        Returns:
            `ka.Likelihoods`.
        """
        model, selector = self._searched()
        return likelihoods(
            model, source_ids, target_ids, graphs=self.graphs, selector=selector
        )

    def _searched(self) -> tuple[Any, VocabularySelector | None]:
        """The model that is stepped, and who says which tokens it looks at."""
        return self, None

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        quantized = config.get("quantized", {})
        model = cls(**{name: x for name, x in config.items() if name != "quantized"})
        quantize_again(model, quantized)
        return model


def check_generates(argument: str, model: Any, place: str = "") -> None:
    """Raise TypeError unless a model has what generation needs of it."""
    missing = [
        name
        for name in (*VOCABULARIES, "encode", "stepper")
        if not hasattr(model, name)
    ]
    if missing or not isinstance(model, keras.Model):
        raise TypeError(
            f"`{argument}` must be a ka.Seq2Seq or a Keras model with the same methods"
            f"{place}. Received: {model!r}"
            + (f", without {missing}" if missing else "")
        )
