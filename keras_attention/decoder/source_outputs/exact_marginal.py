"""Exact hard attention: Wu, Shapiro & Cotterell 2018; Wu & Cotterell 2019."""

from typing import Any

import keras
from keras import ops

from keras_attention.backend.loop import scan
from keras_attention.backend.masks import as_mask, keep_where_masked, zero_where_masked
from keras_attention.backend.precision import at_least_float32, require_concrete
from keras_attention.decoder.source_outputs.base import (
    Decoded,
    EncodedSource,
    SourceOutput,
    Step,
    repeated,
)
from keras_attention.decoder.source_outputs.forward_algorithm import (
    Transitions,
    filtered,
    first_places,
    following,
    log_softmax_where,
    mixture,
    moved,
    of_ids,
    transitions,
)
from keras_attention.decoder.source_outputs.marginal_state import (
    MarginalMemory,
    MarginalState,
)
from keras_attention.layer_support.argument_checks import check_rank, positive_integer
from keras_attention.layer_support.building import build_part, require_built
from keras_attention.layer_support.constructor_config import constructor_config
from keras_attention.layer_support.id_check import check_ids
from keras_attention.layer_support.state_check import StateCheck
from keras_attention.layer_support.types import Shape


@keras.saving.register_keras_serializable(package="keras_attention")
class MarginalAttention(SourceOutput):
    r"""Hard attention summed over every alignment: attends to one position at each
    step, and the probability of the target is exact without sampling any.

    $$ p(y \mid x) = \sum_a \prod_t p(a_t \mid a_{t-1}, y_{<t}, x)\,
       p(y_t \mid a_t, y_{<t}, x) $$

    with the emissions
    $p(\cdot \mid a_t = s) = \mathrm{softmax}(W_o \tanh(W_h h_t + W_v v_s + b) + b_o)$
    and, for valid positions s, the transitions

    $$ \text{order 0:}\quad p(a_t = s) \propto \exp(h_t^\top W_k v_s) \qquad
       \text{order 1:}\quad p(a_t = s \mid a_{t-1} = r) \propto
       \exp \big( (U_h h_t + U_k W_k v_r + b_j)_{s - r} \big),\ |s - r| \le w. $$

    With `monotonic` only $s \ge r$ is possible and the rest is normalised among that.
    The first step comes from the first position. The sum is the forward algorithm: the
    filtered places $p(a_t \mid y_{\le t})$ go from step to step.

    It is a decoder's attention and output layer in one, for a recurrent network over
    the target alone, which no context is fed to: the `output` of a `ka.Seq2Seq` whose
    decoder has `attention=None`, `readout="none"` and `input_feeding=False`. With
    `order=0` and nothing else IBM model 1 with a neural network, otherwise a hidden
    Markov model.

    Args:
        vocabulary_size: V.
        units: U, depth of the hidden layer of the emissions.
        order: 0 or 1: whether the place of the step before matters.
        monotonic: Whether attention never goes back.
        window: w, the longest jump with `order=1`.
        kernel_initializer: As in `keras.layers.Dense`, for every kernel.
        **layer: `name`, `dtype`, `trainable`.

    Weights: `key/kernel [Dv, Dq]`, `hidden/kernel [Dq, U]`, `hidden/bias [U]`,
    `value/kernel [Dv, U]`, `output_layer/kernel [U, V]`, `output_layer/bias [V]`, and
    with `order=1` `jump/kernel [Dq, W]`, `jump/bias [W]`, `jump_key/kernel [Dq, W]`,
    W = 2 w + 1, backward jumps first.

    Call arguments:
        query: `[B, T, Dq]`, the outputs h of the decoder's recurrent network.
        value: `[B, S, Dv]`.
        previous_ids: `[B, T]` integers, the targets shifted by one, beginning with the
            start symbol. Needed unless `order=0` and not monotonic: what was said tells
            where attention was. Row t depends on the first t of them. Ids outside the
            vocabulary are refused; in a graph, where they cannot be, one says nothing
            of where attention was.
        query_mask: `[B, T]`, padding before or after the target: gives zeros.
        value_mask: `[B, S]`; default the mask that `value` carries.
        return_attention_scores: Also return the weights.

    Returns:
        `[B, T, V]`, $\log p(y_t \mid y_{<t}, x)$ in at least float32, their own logits:
        `ka.losses.MaskedCrossentropy` on them is the negative marginal log-likelihood
        per token. The weights $p(a_t = s \mid y_{<t}, x)$, `[B, T, S]`. A row without a
        valid position gives zeros.

    Raises:
        ValueError, TypeError: Arguments or ids out of range, wrong ranks or masks.

    References:
        Wu, Shapiro & Cotterell 2018, arXiv 1808.10024 (order 0); Wu & Cotterell 2019,
        arXiv 1905.06319 (monotonic, order 1).

    Relative to the papers' code: what is not possible has probability 0, not 1e-7, and
    jumps are normalised over the positions that exist. Memory grows with T S V: it is
    for characters and phonemes, as in the papers.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.MarginalAttention(vocabulary_size=7, units=8, order=1)
    >>> log_probs = attention(
    ...     np.ones((2, 3, 4), "float32"), np.ones((2, 5, 6), "float32"),
    ...     previous_ids=np.array([[1, 5, 6], [1, 4, 3]]),
    ... )
    >>> tuple(log_probs.shape)
    (2, 3, 7)
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int,
        order: int = 0,
        monotonic: bool = False,
        window: int = 2,
        kernel_initializer: Any = "glorot_uniform",
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        if isinstance(order, bool) or order not in (0, 1):
            raise ValueError(f"`order` must be 0 or 1. Received: order={order!r}")
        self.vocabulary_size = positive_integer("vocabulary_size", vocabulary_size)
        self.units = positive_integer("units", units)
        self.order = order
        self.monotonic = monotonic
        self.window = positive_integer("window", window)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self._state_check = StateCheck()
        self.supports_masking = True

    def build(
        self,
        query_shape: Any,
        value_shape: Any,
        previous_ids_shape: Any = None,
    ) -> None:
        check_rank("query", query_shape, 3)
        check_rank("value", value_shape, 3)
        query, value = (None, None, query_shape[-1]), (None, None, value_shape[-1])
        self.key = self._dense("key", query_shape[-1], False, value)
        self.hidden = self._dense("hidden", self.units, True, query)
        self.value = self._dense("value", self.units, False, value)
        inner = (None, None, None, self.units)
        self.output_layer = self._dense(
            "output_layer", self.vocabulary_size, True, inner
        )
        self.jump = self.jump_key = None
        if self.order == 1:
            jumps = 2 * self.window + 1
            self.jump = self._dense("jump", jumps, True, query)
            self.jump_key = self._dense("jump_key", jumps, False, query)

    def call(
        self,
        query: Any,
        value: Any,
        previous_ids: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        return_attention_scores: bool = False,
    ) -> Any:
        query_mask = as_mask(query_mask, "query_mask", like=query)
        query = zero_where_masked(query, query_mask)
        memory = self._precompute(value, value_mask)
        emissions = self._emissions(query, memory)  # [B, T, S, V]
        energies = self._energies(query, memory)  # [B, T, S] or [B, T, W]
        moves = self._transitions(memory)
        if moves is not None:
            if previous_ids is None:
                raise ValueError(
                    "`previous_ids` must be given with order=1 or monotonic=True: "
                    "expected the shifted targets [B, T]. Received: None"
                )
            ids = ops.convert_to_tensor(previous_ids)  # [B, T]
            check_ids("previous_ids", ids, self.vocabulary_size, query_mask)
            said = following(emissions, ids)  # [B, T, S]
            looked = _places(energies, said, moves, memory.mask, query_mask)
        else:
            looked = log_softmax_where(energies, ops.expand_dims(memory.mask, 1))
        log_probs = mixture(looked, emissions)  # [B, T, V]
        known = ops.any(memory.mask, axis=-1)
        log_probs = zero_where_masked(log_probs, known)
        log_probs = zero_where_masked(log_probs, query_mask)
        weights = zero_where_masked(ops.exp(looked), query_mask)  # [B, T, S]
        weights = ops.cast(weights, self.compute_dtype)
        return (log_probs, weights) if return_attention_scores else log_probs

    def compute_output_shape(
        self,
        query_shape: Shape,
        value_shape: Shape,
        previous_ids_shape: Shape | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        log_probs = (*query_shape[:-1], self.vocabulary_size)
        weights = (*query_shape[:-1], value_shape[1])
        return (log_probs, weights) if return_attention_scores else log_probs

    def precompute(self, value: Any, value_mask: Any = None) -> MarginalMemory:
        """Everything that depends on the source alone, once per sentence.

        Args:
            value: `[B, S, Dv]`.
            value_mask: `[B, S]`.

        Raises:
            ValueError: The layer is not built, or an argument is symbolic.
        """
        require_built(self, "precompute", "query_shape, value_shape")
        require_concrete("precompute", value, value_mask)
        return self._precompute(value, value_mask)

    def initial_state(self, memory: MarginalMemory) -> MarginalState:
        """The state before the first target step."""
        dtype = at_least_float32(self.compute_dtype)
        batch, positions = ops.shape(memory.mask)
        return MarginalState(
            first_places(memory.mask, dtype),
            ops.zeros((batch, positions, self.vocabulary_size), dtype),
        )

    def step(
        self, query: Any, previous_ids: Any, memory: MarginalMemory, state: Any
    ) -> Any:
        """One target step.

        Args:
            query: `[B, Dq]`.
            previous_ids: `[B]`, what was said at the step before.
            memory: What `precompute` returned.
            state: What `initial_state` or the previous step returned.

        Returns:
            Log-probabilities `[B, V]`, weights `[B, S]`, the next state.

        Raises:
            ValueError: The layer is not built, an argument is symbolic or of another
                rank, or the state is that of a memory of another size.
        """
        require_built(self, "step", "query_shape, value_shape")
        require_concrete("step", query, previous_ids, memory, state)
        query = ops.convert_to_tensor(query)
        check_rank("query", query.shape, 2)
        self._state_check(self.initial_state, memory, state)
        if self._chained:
            previous_ids = ops.convert_to_tensor(previous_ids)
            check_rank("previous_ids", previous_ids.shape, 1)
            check_ids("previous_ids", previous_ids, self.vocabulary_size)
        return self._step(query, previous_ids, memory, state, self._transitions(memory))

    def over_targets(
        self, decoded: Decoded, target_mask: Any, source: EncodedSource
    ) -> Any:
        return self(
            decoded.outputs,
            source.value,
            decoded.previous_ids,
            query_mask=target_mask,
            value_mask=source.mask,
            return_attention_scores=True,
        )

    def source_memory(self, source: EncodedSource) -> MarginalMemory:
        return self._precompute(source.value, source.mask)

    def stepper(self, memory: MarginalMemory, beam_size: Any = 1) -> Step:
        rows = repeated(memory, beam_size)
        moves = self._transitions(rows)

        def step(decoded: Decoded, state: MarginalState) -> Any:
            return self._step(decoded.outputs, decoded.previous_ids, rows, state, moves)

        return step

    def _step(
        self,
        query: Any,
        ids: Any,
        memory: MarginalMemory,
        state: MarginalState,
        moves: Transitions | None,
    ) -> Any:
        query = ops.cast(query, self.compute_dtype)
        query = ops.expand_dims(query, 1)  # [B, 1, Dq]
        emissions = self._emissions(query, memory)  # [B, 1, S, V]
        energies = self._energies(query, memory)
        energies = ops.squeeze(energies, 1)  # [B, S] or [B, W]
        if moves is None:
            looked = log_softmax_where(energies, memory.mask)  # [B, S]
        else:
            said = of_ids(state.emissions, ids)  # [B, S]
            looked = moved(filtered(state.places, said), moves(energies))  # [B, S]
        emissions = ops.squeeze(emissions, 1)  # [B, S, V]
        log_probs = mixture(looked, emissions)  # [B, V]
        log_probs = zero_where_masked(log_probs, ops.any(memory.mask, axis=-1))
        after = MarginalState(looked, emissions)
        return log_probs, ops.cast(ops.exp(looked), self.compute_dtype), after

    def compute_mask(self, *arguments: Any, **named: Any) -> None:
        return None

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | constructor_config(self)

    @property
    def _chained(self) -> bool:
        """Whether a step depends on where attention was."""
        return self.order == 1 or self.monotonic

    def _dense(self, name: str, units: int, use_bias: bool, shape: Any) -> Any:
        layer = keras.layers.Dense(
            units,
            use_bias=use_bias,
            kernel_initializer=keras.saving.serialize_keras_object(
                self.kernel_initializer
            ),
            dtype=self.dtype_policy,
            name=name,
        )
        build_part(layer, shape)
        return layer

    def _precompute(self, value: Any, value_mask: Any) -> MarginalMemory:
        value = ops.cast(ops.convert_to_tensor(value), self.compute_dtype)
        mask = as_mask(value_mask, "value_mask", like=value)
        value = zero_where_masked(value, mask)
        if mask is None:
            mask = ops.ones(ops.shape(value)[:2], "bool")
        keys = self.key(value)  # [B, S, Dq]
        jumps = () if self.jump_key is None else self.jump_key(keys)  # [B, S, W]
        return MarginalMemory(keys, self.value(value), jumps, mask)

    def _emissions(self, query: Any, memory: MarginalMemory) -> Any:
        """$\\log p(y \\mid s)$, `[B, T, S, V]`, at least float32."""
        inner = ops.tanh(
            ops.expand_dims(self.hidden(query), 2) + ops.expand_dims(memory.hidden, 1)
        )  # [B, T, S, U]
        logits = self.output_layer(inner)
        return ops.log_softmax(
            ops.cast(logits, at_least_float32(logits.dtype)), axis=-1
        )

    def _energies(self, query: Any, memory: MarginalMemory) -> Any:
        """Of the jumps `[B, T, W]` or of the places `[B, T, S]`, at least float32."""
        if self.jump is not None:
            energies = self.jump(query)
        else:
            energies = ops.matmul(query, ops.swapaxes(memory.keys, 1, 2))
        return ops.cast(energies, at_least_float32(energies.dtype))

    def _transitions(self, memory: MarginalMemory) -> Transitions | None:
        """None where a step does not depend on where attention was."""
        if not self._chained:
            return None
        window = self.window if self.order == 1 else None
        return transitions(memory, self.monotonic, window)


def _places(
    energies: Any, said: Any, moves: Transitions, mask: Any, query_mask: Any
) -> Any:
    """The forward algorithm: $\\log p(a_t \\mid y_{<t})$, `[B, T, S]`."""
    rows = {
        "energies": ops.swapaxes(energies, 0, 1),  # [T, B, ...]
        "said": ops.swapaxes(said, 0, 1),  # [T, B, S]
    }
    if query_mask is not None:
        rows["mask"] = ops.swapaxes(query_mask, 0, 1)  # [T, B]

    def step(carried: Any, row: dict[str, Any]) -> Any:
        (before,) = carried
        looked = moved(before, moves(row["energies"]))
        after = filtered(looked, row["said"])
        return (keep_where_masked(row.get("mask"), after, before),), looked

    _, looked = scan(step, (first_places(mask, said.dtype),), rows)
    return ops.swapaxes(looked, 0, 1)  # [B, T, S]
