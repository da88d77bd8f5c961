"""The interface of output layers that look at the source, for `ka.Seq2Seq`."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops, tree

from keras_attention.layer_support.composite_layer import CompositeLayer
from keras_attention.layer_support.types import Ids, Mask, Memory, Size, State, Tensor


class EncodedSource(NamedTuple):
    """What there is of the source.

    Attributes:
        ids: `[B, S]`.
        value: `[B, S, Dv]`, the encoder's outputs.
        mask: `[B, S]` booleans.
    """

    ids: Ids
    value: Tensor
    mask: Mask


class Decoded(NamedTuple):
    """What there is of the target, of T steps or, without that axis, of one.

    Attributes:
        outputs: `[B, T, Do]`, of the decoder.
        weights: `[B, T, S]` or `[B, H, T, S]`, its attention weights.
        inputs: `[B, T, D]`, the embedded tokens before.
        previous_ids: `[B, T]`, their ids.
    """

    outputs: Tensor
    weights: Tensor
    inputs: Tensor
    previous_ids: Ids


Step = Callable[[Decoded, State], tuple[Tensor, Tensor, State]]
"""One step to its log-probabilities `[B, V]`, weights and the next state."""


class SourceOutput(CompositeLayer, abc.ABC):
    """Output layer that also looks at the source. Abstract.

    Its numbers are log-probabilities, and their own logits.

    Attributes:
        vocabulary_size: V.
    """

    vocabulary_size: int

    def check_vocabularies(self, source_size: int, target_size: int) -> None:
        """A ValueError where a model's vocabularies have other sizes."""
        if self.vocabulary_size != target_size:
            raise ValueError(
                "`output` must have the size of the model's target vocabulary. "
                f"Expected: {target_size}. Received: {self.vocabulary_size}"
            )

    @abc.abstractmethod
    def over_targets(
        self, decoded: Decoded, target_mask: Mask, source: EncodedSource
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities `[B, T, V]` and weights of all steps of given targets."""

    @abc.abstractmethod
    def source_memory(self, source: EncodedSource) -> Memory:
        """What steps need of the source, each tensor `[B, ...]`."""

    def initial_state(self, memory: Memory) -> State:
        """What is before the first step; nothing by default."""
        return ()

    @abc.abstractmethod
    def stepper(self, memory: Memory, beam_size: Size = 1) -> Step:
        """A step over `B * K` rows, the K hypotheses of a row of memory together."""


def repeated(memory: Memory, beam_size: Size) -> Any:
    """Memory `[B, ...]` as `[B * K, ...]`, each row K times."""
    if isinstance(beam_size, int) and beam_size == 1:
        return memory

    def rows(x: Tensor) -> Any:
        return ops.take(x, ops.arange(ops.shape(x)[0] * beam_size) // beam_size, axis=0)

    return tree.map_structure(rows, memory)
