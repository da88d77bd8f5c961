"""The contract of a score function."""

import abc
from typing import Any

from keras_attention.attention.part import AttentionPart


class Score(AttentionPart, abc.ABC):
    """energies `e_ts = score(query_t, key_s)`.

    A score never sees a mask: masked keys reach it as zeros and their energies
    are dropped by the alignment. To add one, extend this class, implement
    `precompute` and `energies` (and the state methods when it has a memory of
    its own), and pass an instance to `ka.Attention`. Weights are made in
    `build(query_shape, key_shape)`.

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

    def build(self, query_shape: Any, key_shape: Any) -> None:
        """Make weights that depend on the depths; none by default."""

    @abc.abstractmethod
    def precompute(self, key: Any) -> Any:
        """Everything that depends on the keys alone, once per sentence.

        Args:
            key: `[B, S, Dk]`, zero where masked.

        Returns:
            A tensor or tuple of tensors, each starting with `[B, S]` or
            `[B, H, S]`.
        """

    @abc.abstractmethod
    def energies(self, query: Any, keys: Any, state: Any) -> Any:
        """Energies of every query against every key.

        Args:
            query: `[B, T, Dq]`.
            keys: What `precompute` returned.
            state: What `initial_state` or `next_state` returned. A score with
                a state is only asked about one query at a time (T = 1).

        Returns:
            `[B, H, T, S]` in the compute dtype.
        """

    def initial_state(self, keys: Any, mask: Any) -> Any:
        """State before the first step: `()` for a score without state."""
        return ()

    def next_state(self, state: Any, weights: Any, context: Any, query: Any) -> Any:
        """State after a step with `weights [B, H, S]`, `context [B, Dv]`, `query`."""
        return state

    def call(self, query: Any, keys: Any, state: Any = ()) -> Any:
        return self.energies(query, keys, state)
