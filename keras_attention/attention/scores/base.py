"""Contract of a score function, and the registry of all scores."""

import abc

from keras_attention.attention.part import AttentionPart
from keras_attention.layer_support.registry import Registry
from keras_attention.layer_support.types import Mask, Memory, Shape, State, Tensor


class Score(AttentionPart, abc.ABC):
    """energies `e_ts = score(query_t, key_s)`.

    A score never sees a mask: masked keys reach it as zeros and their energies
    are dropped by the alignment. To add one, extend this class, implement
    `precompute` and `energies` (and the state methods when it has a memory of
    its own), and pass an instance to `ka.Attention`. Weights are made in
    `build(query_shape, key_shape)`. An argument of the constructor that is kept as
    the attribute of its name is saved without a `get_config`.

    Attributes:
        num_heads: H, set by the attention: how many energies it makes for a pair.
        log_weights: Whether its energies are logarithms of weights that mean
            something without being normalised.
        pairwise: Whether an energy depends on the query and its key alone, and the
            positions are the last axis but one of what `precompute` returns, so that
            it can be asked about one key (`ka.generate_monotonic`).
    """

    log_weights: bool = False
    pairwise: bool = False

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        """Make weights that depend on the depths; none by default."""

    @abc.abstractmethod
    def precompute(self, key: Tensor) -> Memory:
        """Everything that depends on the keys alone, once per sentence.

        Args:
            key: `[B, S, Dk]`, zero where masked.

        Returns:
            A tensor or tuple of tensors, each starting with `[B, S]` or
            `[B, H, S]`.
        """

    @abc.abstractmethod
    def energies(self, query: Tensor, keys: Memory, state: State) -> Tensor:
        """Energies of every query against every key.

        Args:
            query: `[B, T, Dq]`.
            keys: What `precompute` returned.
            state: What `initial_state` or `next_state` returned. A score with
                a state is only asked about one query at a time (T = 1).

        Returns:
            `[B, H, T, S]` in the compute dtype.
        """

    def initial_state(self, keys: Memory, mask: Mask) -> State:
        """State before the first step: `()` for a score without state."""
        return ()

    def next_state(
        self, state: State, weights: Tensor, context: Tensor, query: Tensor
    ) -> State:
        """State after a step with `weights [B, H, S]`, `context [B, Dv]`, `query`."""
        return state

    def call(self, query: Tensor, keys: Memory, state: State = ()) -> Tensor:
        return self.energies(query, keys, state)


registry: Registry[Score] = Registry("score", Score)
