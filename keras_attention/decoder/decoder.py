"""The attention decoder: cell, attention, order and readout, put together."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops, tree

from keras_attention.attention.base import AttentionLayer, StepAttention
from keras_attention.attention.beam_attention import BeamAttention
from keras_attention.attention.fixed_context import FixedContext
from keras_attention.backend.cells import CellStack
from keras_attention.backend.masks import as_mask, zero_rows, zero_where_masked
from keras_attention.backend.precision import require_concrete
from keras_attention.backend.weights import public_weights
from keras_attention.decoder import bridges, orders, readouts
from keras_attention.decoder.context_gate import for_order as gate_for_order
from keras_attention.decoder.context_products import entering_cell
from keras_attention.decoder.step import DecoderState, PreparedDecoder, Stepped
from keras_attention.decoder.teacher_forcing import Loop, cell_first, teacher_forced
from keras_attention.layer_support.argument_checks import check_rank, number, steps
from keras_attention.layer_support.building import (
    build_part,
    from_config,
    require_built,
)
from keras_attention.layer_support.composite_layer import CompositeLayer
from keras_attention.layer_support.ownership import claim
from keras_attention.layer_support.state_check import StateCheck
from keras_attention.layer_support.types import Identifier, Nested, Shape, Size, Tensor

_SHAPES = "inputs_shape, value_shape"


@keras.saving.register_keras_serializable(package="keras_attention")
class AttentionDecoder(CompositeLayer):
    r"""A recurrent decoder that attends to the encoder's outputs.

    Order `bahdanau`:
    $c_t = \mathrm{attend}(s_{t-1}),\; s_t = \mathrm{cell}([y_t; c_t], s_{t-1})$.

    Order `luong`:
    $h_t = \mathrm{cell}([y_t; \tilde h_{t-1}], h_{t-1}),\;
    c_t = \mathrm{attend}(h_t)$.

    Args:
        cell: A Keras cell or `keras.layers.StackedRNNCells`. Its own dropout
            has one mask per sequence.
        attention: A `ka.Attention` or preset, or for several encoders a
            `ka.FlatAttention` or `ka.HierarchicalAttention`. None is
            `ka.FixedContext()`, the encoder-decoder without attention.
        order: `"bahdanau"`, `"luong"`, `"conditional"` (for two stacked cells) or
            `"gnmt"`; None takes the attention's own: bahdanau for
            `ka.BahdanauAttention`, otherwise luong; several memories take that of
            their first attention.
        readout: `"concat"`, `"attentional"`, `"maxout"`, `"none"` or a readout; None
            takes the order's own (attentional for luong, none for gnmt, otherwise
            concat).
        input_feeding: For luong: feed the previous readout (the context where
            the readout is not attentional) to the cell. Without it, attention
            is computed for all steps at once after the loop.
        output_units: Depth of the attentional or maxout readout, default the cell's.
        bridge: `"dense"`, `"copy"`, `"mean_context"` or `"zero"`: from the encoder's
            states, or the mean of its outputs, to the first decoder state.
        dropout: Fraction of the inputs and of the outputs dropped in training.
        seed: Seed of the dropout.
        context_gate: A `ka.ContextGate`, or the name of its variant, in front of the
            cell that the context enters: for bahdanau and conditional.
        **layer: `name`, `dtype`, `trainable`.

    Call arguments:
        inputs: `[B, T, D]`, the embedded target shifted by one (teacher forced).
        value: `[B, S, Dv]`, the encoder's outputs; for several encoders a list.
        inputs_mask: `[B, T]`; a masked step gives zeros and leaves the state.
        value_mask: `[B, S]`, or a list; default the mask that `value` carries.
        initial_state: The encoder's states, one list per layer.
        return_attention_scores: Also return the weights.
        training: Whether dropout is active.

    Returns:
        `[B, T, Do]`, and the weights `[B, T, S]` or `[B, H, T, S]`.

    Raises:
        ValueError, TypeError: Unknown parts, wrong shapes, a cell or attention
            that another layer already holds.

    References:
        Bahdanau, Cho & Bengio 2014, arXiv 1409.0473, appendix A.2.2.
        Luong, Pham & Manning 2015, arXiv 1508.04025, sections 3 and 3.3.
        Sennrich et al. 2017, arXiv 1703.04357, section 2 (conditional).
        Wu et al. 2016, arXiv 1609.08144, section 3 (gnmt).

    Relative to the papers: the default readout of bahdanau is the concatenation
    $[s_t; c_t]$, to be followed by any layer; the paper's is `"maxout"`.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> decoder = ka.AttentionDecoder(
    ...     keras.layers.GRUCell(8), ka.BahdanauAttention(units=8)
    ... )
    >>> tuple(decoder(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 14)
    """

    def __init__(
        self,
        cell: Identifier,
        attention: Identifier,
        order: Identifier = None,
        readout: Identifier = None,
        input_feeding: bool = True,
        output_units: int | None = None,
        bridge: Identifier = "dense",
        dropout: float = 0.0,
        seed: int | None = None,
        context_gate: Identifier = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        cell = from_config(cell)
        self.stack = CellStack(cell, self.compute_dtype)
        claim(cell, self, "cell")
        self.cell = cell
        self.attention = self._attention_from(attention)
        claim(self.attention, self, "attention")
        order = self.attention.default_order if order is None else order
        self.order = orders.registry.get(order)
        self.order.check(self.stack)
        self.context_gate = gate_for_order(context_gate, self.order, self.dtype_policy)
        if self.context_gate is not None:
            claim(self.context_gate, self, "context_gate")
        chosen = self.order.default_readout if readout is None else readout
        self.readout = readouts.with_units(chosen, output_units, self.dtype_policy)
        self.output_units = output_units
        self.input_feeding = input_feeding
        made = {"dtype": self.dtype_policy} if isinstance(bridge, str) else {}
        self.bridge = bridges.registry.get(bridge, **made)
        self.bridge.check(self.attention.memory_type)
        self.dropout = number("dropout", dropout, least=0, below=1)
        self.seed = seed
        self.input_dropout, self.output_dropout = (
            keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)
            for _ in range(2)
        )
        self._state_check = StateCheck()
        self.supports_masking = True

    def build(
        self, inputs_shape: Shape, value_shape: Shape, initial_state_shape: Any = None
    ) -> None:
        check_rank("inputs", inputs_shape, 3)
        known = inputs_shape[-1]
        context = self.context_depth = self.attention.context_depth(value_shape)
        query = self.order.query_depth(self.stack)
        build_part(self.attention, (None, None, query), value_shape)
        seen = (self.stack.output_depth, context, known)
        self.readout.build_for(*((None, None, depth) for depth in seen))
        depths = self.order.input_depths(self.stack, known, self._fed_depth())
        if self.context_gate is not None:
            place = self.order.context_cell or 0
            units = self.stack.state_sizes[place][0]
            sizes = (units, context, known if place == 0 else 0)  # y_t: the first
            build_part(self.context_gate, *((None, depth) for depth in sizes))
            depths[place] = units
        self.stack.build(depths)
        sources = self.bridge.source_depths(initial_state_shape, context)
        if sources is not None:
            self.bridge.build_for(sources, self.order.carried(self.stack.state_sizes))

    def call(
        self,
        inputs: Tensor,
        value: Nested,
        inputs_mask: Tensor = None,
        value_mask: Nested = None,
        initial_state: Nested = None,
        return_attention_scores: bool = False,
        training: bool = False,
    ) -> Any:
        mask = as_mask(inputs_mask, "inputs_mask", like=inputs)
        inputs = zero_where_masked(inputs, mask)
        inputs = self.input_dropout(inputs, training=training)
        loop: Loop = cell_first
        if self.order.takes_context or self.input_feeding:
            asked = return_attention_scores
            loop = functools.partial(teacher_forced, with_weights=asked)
        outputs, weights = self.run(
            loop, inputs, mask, value, value_mask, initial_state, training
        )
        return (
            (outputs, public_weights(weights)) if return_attention_scores else outputs
        )

    def compute_output_shape(
        self,
        inputs_shape: Shape,
        value_shape: Shape,
        initial_state_shape: Nested = None,
        return_attention_scores: bool = False,
    ) -> Any:
        context, weights = self.attention.compute_output_shape(
            inputs_shape, value_shape, return_attention_scores=True
        )
        depth = self.readout.depth(self.stack.output_depth, context[-1])
        outputs = (*inputs_shape[:-1], depth)
        return (outputs, weights) if return_attention_scores else outputs

    def run(
        self,
        loop: Loop,
        inputs: Tensor,
        mask: Tensor,
        value: Nested,
        value_mask: Nested,
        initial_state: Nested,
        training: bool,
    ) -> tuple[Tensor, Tensor]:
        """`call` with a loop of one's own, unchecked.

        Args:
            loop: Goes through the steps.
            inputs: `[B, T, D]`, zero at padding.
            mask: `[B, T]` booleans or None.
            value, value_mask, initial_state, training: As in a call.

        Returns:
            Outputs `[B, T, Do]`, and weights `[B, H, T, S]` where the loop gives them.
        """
        steps("inputs", inputs)
        memory = self.attention.memory_of(value, None, value_mask)
        state = self._first_state(memory, initial_state)
        with self.stack.dropout_masks(ops.shape(inputs)[0], training):
            prepared = self.prepare(memory, training)
            outputs, weights = loop(prepared, inputs, mask, state, training)
        outputs = zero_where_masked(outputs, mask)  # [B, T, Do]
        outputs = self.output_dropout(outputs, training=training)
        return outputs, None if weights is None else zero_rows(weights, mask)

    def precompute(self, value: Nested, value_mask: Nested = None) -> Any:
        """Everything that depends on the source alone, once per sentence.

        Args:
            value: `[B, S, Dv]`.
            value_mask: `[B, S]`, default: the mask that `value` carries, if any.

        Raises:
            ValueError: The layer is not built, or an argument is symbolic.
        """
        require_built(self, "precompute", _SHAPES)
        return self.attention.precompute(value, value_mask=value_mask)

    def initial_state(self, memory: Nested, initial_state: Nested = None) -> Any:
        """The decoder state before the first target step.

        Args:
            memory: What `precompute` returned.
            initial_state: The encoder's states, one list per layer; None starts
                from the cells' own initial states.
        """
        require_built(self, "initial_state", _SHAPES)
        require_concrete("initial_state", memory, initial_state)
        return self._first_state(memory, initial_state)

    def step(self, inputs: Tensor, memory: Nested, state: DecoderState) -> Stepped:
        """One target step; deterministic, whatever the dropout.

        Args:
            inputs: `[B, D]`.
            memory: What `precompute` returned.
            state: What `initial_state` or the previous step returned.

        Returns:
            output `[B, Do]`, weights `[B, S]` or `[B, H, S]`, the next state.

        Raises:
            ValueError: The layer is not built, an argument is symbolic, or the
                state is that of another decoder or of a memory of another size.
        """
        require_built(self, "step", _SHAPES)
        require_concrete("step", inputs, memory, state)
        self._state_check(self._first_state, memory, state)
        return self.stepper(memory)(inputs, state)

    def stepper(
        self,
        memory: Nested,
        beam_size: Size = 1,
        attention: StepAttention | None = None,
    ) -> Callable[[Tensor, DecoderState], Stepped]:
        """`step` with the work that does not depend on the step already done.

        For loops: `step_t = decoder.stepper(memory)` outside, then
        `output, weights, state = step_t(inputs, state)` inside.

        Args:
            memory: What `precompute` returned, for B rows.
            beam_size: K: inputs and state have `B * K` rows, the K hypotheses of
                a row together. A number or, in a graph, a scalar.
            attention: What attends instead of its own, such as `ka.WalkingAttention`.
        """
        prepared = self.prepare_steps(memory, beam_size, attention)

        def step(inputs: Tensor, state: DecoderState) -> Stepped:
            inputs = ops.cast(ops.convert_to_tensor(inputs), self.compute_dtype)
            result = prepared.step(inputs, state)
            return result.output, public_weights(result.weights), result.state

        return step

    def prepare_steps(
        self, memory: Nested, beam_size: Size, attention: StepAttention | None
    ) -> PreparedDecoder:
        """`prepare` for `stepper`, with its arguments."""
        require_built(self, "stepper", _SHAPES)
        entering = entering_cell(self, memory, beam_size, attention)
        if attention is None and not (isinstance(beam_size, int) and beam_size == 1):
            attention = BeamAttention(self.attention, beam_size)
        return self.prepare(memory, False, attention)._replace(entering=entering)

    def prepare(
        self, memory: Nested, training: bool, attention: StepAttention | None = None
    ) -> PreparedDecoder:
        """What no step depends on, done: for loops in other layers.

        Args:
            memory: The attention's.
            training: Whether the cells' own dropout is active.
            attention: What attends in a step; None: the decoder's attention.
        """
        cell, second = self.order.prepare(
            self.stack, self._fed_depth(), training, self.context_gate
        )
        attends = (self.attention, attention or self.attention)
        feeds = self._feeds_back and self.readout.fed_back
        return PreparedDecoder(
            self.order.step, cell, second, *attends, memory, self.readout, feeds
        )

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {
            "cell": serialize(self.cell),
            "attention": serialize(self.attention),
            "order": self.order.name,
            "readout": serialize(self.readout),
            "input_feeding": self.input_feeding,
            "bridge": serialize(self.bridge),
            "dropout": self.dropout,
            "seed": self.seed,
            "context_gate": self.context_gate and serialize(self.context_gate),
        }

    @property
    def _feeds_back(self) -> bool:
        """Whether something of the previous step enters the cell."""
        return self.input_feeding and not self.order.takes_context

    def _fed_depth(self) -> int:
        """How much of the cell's input is only known inside the loop."""
        if self.order.takes_context:
            return self.context_depth
        if not self._feeds_back:
            return 0
        return self.readout.fed_depth(self.stack.output_depth, self.context_depth)

    def _attention_from(self, attention: Identifier) -> AttentionLayer:
        if attention is None:
            return FixedContext(dtype=self.dtype_policy)
        attention = from_config(attention)
        if not isinstance(attention, AttentionLayer):
            raise TypeError(
                "`attention` must be a ka.Attention, one of its presets, a "
                "ka.FlatAttention, a ka.HierarchicalAttention or None. "
                f"Received: attention={attention!r}"
            )
        return attention

    def _first_state(self, memory: Nested, initial_state: Nested = None) -> Any:
        """`initial_state` for symbolic tensors too."""
        batch = ops.shape(memory.mask)[0]
        cell = self.order.carried(self.stack.zero_states(batch))
        sources = self.bridge.sources(initial_state, memory)
        if sources is not None:
            if not self.bridge.built:
                raise ValueError(
                    "This decoder was built without encoder states. Expected: "
                    "`initial_state` in the first call. Received: it only now"
                )
            sources = tree.map_structure(
                lambda x: ops.cast(ops.convert_to_tensor(x), self.compute_dtype),
                sources,
            )
            cell = self.bridge.call(sources, cell)
        fed: Tensor = ()
        if self._feeds_back:
            fed = ops.zeros((batch, self._fed_depth()), self.compute_dtype)
        return DecoderState(cell, self.attention.initial_state(memory), fed)
