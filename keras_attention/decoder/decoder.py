"""The attention decoder: cell, attention, order and readout, put together."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops, tree

from keras_attention.attention.base import AttentionLayer, queries_first
from keras_attention.attention.beam_attention import BeamAttention
from keras_attention.attention.fixed_context import FixedContext
from keras_attention.backend.cells import CellStack
from keras_attention.backend.masks import as_mask, zero_where_masked
from keras_attention.backend.precision import require_concrete
from keras_attention.decoder import bridges, orders, readouts
from keras_attention.decoder.context_gate import for_order as gate_for_order
from keras_attention.decoder.orders import DecoderState
from keras_attention.decoder.teacher_forcing import (
    StepParts,
    run_cell,
    run_steps,
    time_major,
)
from keras_attention.layer_support.argument_checks import number, steps
from keras_attention.layer_support.building import build_part, require_built
from keras_attention.layer_support.functional_output import widest_output
from keras_attention.layer_support.ownership import claim
from keras_attention.layer_support.state_check import StateForm


@keras.saving.register_keras_serializable(package="keras_attention")
class AttentionDecoder(keras.layers.Layer):
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
        cell: Any,
        attention: Any,
        order: Any = None,
        readout: Any = None,
        input_feeding: bool = True,
        output_units: int | None = None,
        bridge: Any = "dense",
        dropout: float = 0.0,
        seed: int | None = None,
        context_gate: Any = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        if isinstance(cell, dict):
            cell = keras.saving.deserialize_keras_object(cell)
        self.stack = CellStack(cell, self.compute_dtype)
        claim(cell, self, "cell")
        self.cell = cell
        self.attention = self._attention_from(attention)
        claim(self.attention, self, "attention")
        if order is None:
            order = self.attention.default_order
        self.order = orders.get(order)
        self.order.check(self.stack)
        self.context_gate = gate_for_order(context_gate, self.order, self.dtype_policy)
        if self.context_gate is not None:
            claim(self.context_gate, self, "context_gate")
        chosen = self.order.default_readout if readout is None else readout
        self.readout = readouts.with_units(chosen, output_units, self.dtype_policy)
        self.output_units = output_units
        self.input_feeding = input_feeding
        arguments = {"dtype": self.dtype_policy} if isinstance(bridge, str) else {}
        self.bridge = bridges.get(bridge, **arguments)
        bridges.check(self.bridge, self.attention.one_memory)
        self.dropout = number("dropout", dropout, least=0, below=1)
        self.seed = seed
        self.input_dropout = keras.layers.Dropout(
            dropout, seed=seed, dtype=self.dtype_policy
        )
        self.output_dropout = keras.layers.Dropout(
            dropout, seed=seed, dtype=self.dtype_policy
        )
        self._state_form = StateForm()
        self.supports_masking = True

    def build(
        self, inputs_shape: Any, value_shape: Any, initial_state_shape: Any = None
    ) -> None:
        if len(inputs_shape) != 3:
            raise ValueError(
                "`inputs` must have rank 3. "
                f"Received: inputs of shape {tuple(inputs_shape)}"
            )
        context = self._context_depth = self.attention.context_depth(value_shape)
        query = self.order.query_depth(self.stack)
        build_part(self.attention, (None, None, query), value_shape)
        hidden = (None, None, self.stack.output_depth)
        shapes = (hidden, (None, None, context), (None, None, inputs_shape[-1]))
        build_part(self.readout, *shapes[: 2 + self.readout.eats_inputs])
        depths = self.order.input_depths(
            self.stack, inputs_shape[-1], self._fed_depth()
        )
        if self.context_gate is not None:
            place = self.order.gated_cell or 0
            units = self.stack.state_sizes[place][0]
            # Only the first cell is given what was said.
            said = inputs_shape[-1] if place == 0 else 0
            sizes = (None, units), (None, context), (None, said)
            build_part(self.context_gate, *sizes)
            depths[place] = units
        self.stack.build(depths)
        sizes = self.order.carried(self.stack.state_sizes)
        if self.bridge.of_values:
            self.bridge.build_for([[context]], sizes)
        elif initial_state_shape is not None:
            sources = [
                [int(shape[-1] or 0) for shape in shapes]
                for shapes in bridges.shapes_per_layer(initial_state_shape)
            ]
            self.bridge.build_for(sources, sizes)

    def call(
        self,
        inputs: Any,
        value: Any,
        inputs_mask: Any = None,
        value_mask: Any = None,
        initial_state: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
    ) -> Any:
        steps("inputs", inputs)
        mask = as_mask(inputs_mask, "inputs_mask", like=inputs)
        inputs = zero_where_masked(inputs, mask)
        inputs = self.input_dropout(inputs, training=training)
        memory = self.attention._precompute(value, None, value_mask)
        state = self._initial_state(memory, initial_state)
        with self.stack.dropout_masks(ops.shape(inputs)[0], training):
            parts = self._parts(memory, training)
            rows = {"x": time_major(parts.cell.project(inputs))}
            if mask is not None:
                rows["mask"] = time_major(mask)
            if self._attends_after_loop:
                hidden = run_cell(parts, rows, state, training)
                context, weights = self.attention.attend(hidden, memory, mask, training)
                outputs = self._read(hidden, context, inputs)
            else:
                drawn = self.attention.draw(inputs, memory, training)
                if drawn is not None:
                    rows["drawn"] = queries_first(drawn)
                outputs, weights = run_steps(
                    self.order,
                    lambda hidden, context: self._read(hidden, context, inputs),
                    parts,
                    rows,
                    state,
                    return_attention_scores,
                    training,
                )
        outputs = self.output_dropout(
            zero_where_masked(outputs, mask), training=training
        )  # [B, T, Do]
        if not return_attention_scores:
            return outputs
        if mask is not None:
            valid = ops.expand_dims(ops.expand_dims(mask, 1), -1)  # [B, 1, T, 1]
            weights = ops.where(valid, weights, ops.zeros_like(weights))
        return outputs, self.attention._public_weights(weights)

    def precompute(self, value: Any, value_mask: Any = None) -> Any:
        """Everything that depends on the source alone, once per sentence.

        Args:
            value: `[B, S, Dv]`.
            value_mask: `[B, S]`, default: the mask that `value` carries, if any.

        Raises:
            ValueError: The layer is not built, or an argument is symbolic.
        """
        self._check_built("precompute")
        return self.attention.precompute(value, value_mask=value_mask)

    def initial_state(self, memory: Any, initial_state: Any = None) -> DecoderState:
        """The decoder state before the first target step.

        Args:
            memory: What `precompute` returned.
            initial_state: The encoder's states, one list per layer; None starts
                from the cells' own initial states.
        """
        self._check_built("initial_state")
        require_concrete("initial_state", memory, initial_state)
        return self._initial_state(memory, initial_state)

    def step(self, inputs: Any, memory: Any, state: DecoderState) -> Any:
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
        self._check_built("step")
        require_concrete("step", inputs, memory, state)
        self._state_form.check(self._initial_state, memory, state)
        return self.stepper(memory)(inputs, state)

    def stepper(
        self, memory: Any, beam_size: Any = 1, attention: Any = None
    ) -> Callable[[Any, DecoderState], Any]:
        """`step` with the work that does not depend on the step already done.

        For loops: `step_t = decoder.stepper(memory)` outside, then
        `output, weights, state = step_t(inputs, state)` inside.

        Args:
            memory: What `precompute` returned, for B rows.
            beam_size: K: inputs and state have `B * K` rows, the K hypotheses of
                a row together. A number or, in a graph, a scalar.
            attention: What attends in the place of the decoder's own attention, such
                as `ka.WalkingAttention`.
        """
        self._check_built("stepper")
        parts = self._parts(memory, training=False)
        if attention is not None:
            parts = parts._replace(attention=attention)
        elif not isinstance(beam_size, int) or beam_size > 1:
            parts = parts._replace(attention=BeamAttention(self.attention, beam_size))

        def step(inputs: Any, state: DecoderState) -> Any:
            inputs = ops.cast(ops.convert_to_tensor(inputs), self.compute_dtype)
            result = self.order.step(parts, parts.cell.project(inputs), state, None)
            output = result.output
            if output is None:
                output = self._read(result.hidden, result.context, inputs)
            weights = result.weights  # [B, H, S]
            if self.attention.num_heads == 1:
                weights = ops.squeeze(weights, 1)  # [B, S]
            return output, weights, result.state

        return step

    @property
    def output(self) -> Any:
        return widest_output(self, super())

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
        return self.order.feeds_back(self.input_feeding)

    @property
    def _attends_after_loop(self) -> bool:
        return not self._feeds_back and not self.order.eats_context()

    def _fed_depth(self) -> int:
        """How much of the cell's input is only known inside the loop."""
        context_depth = self._context_depth
        if self.order.eats_context():
            return context_depth
        if not self._feeds_back:
            return 0
        if not self.readout.fed_back:
            return context_depth
        return self.readout.depth(self.stack.output_depth, context_depth)

    def _attention_from(self, attention: Any) -> AttentionLayer:
        if attention is None:
            return FixedContext(dtype=self.dtype_policy)
        if isinstance(attention, dict):
            attention = keras.saving.deserialize_keras_object(attention)
        if not isinstance(attention, AttentionLayer):
            raise TypeError(
                "`attention` must be a ka.Attention, one of its presets, a "
                "ka.FlatAttention, a ka.HierarchicalAttention or None. "
                f"Received: attention={attention!r}"
            )
        return attention

    def _read(self, hidden: Any, context: Any, inputs: Any) -> Any:
        if self.readout.eats_inputs:
            return self.readout(hidden, context, inputs)
        return self.readout(hidden, context)

    def _parts(self, memory: Any, training: bool) -> StepParts:
        fed_readout = (
            self.readout if self._feeds_back and self.readout.fed_back else None
        )
        cell, second = self.order.prepare(
            self.stack, self._fed_depth(), training, self.context_gate
        )
        return StepParts(cell, self.attention, memory, fed_readout, second)

    def _initial_state(self, memory: Any, initial_state: Any = None) -> Any:
        batch = ops.shape(memory.mask)[0]
        cell = self.order.carried(self.stack.zero_states(batch))
        if self.bridge.of_values:
            cell = self.bridge.call([[bridges.mean_value(memory)]], cell)
        elif initial_state is not None:
            if not self.bridge.built:
                raise ValueError(
                    "This decoder was built without encoder states. Expected: "
                    "`initial_state` in the first call. Received: it only now"
                )
            initial_state = tree.map_structure(
                lambda x: ops.cast(ops.convert_to_tensor(x), self.compute_dtype),
                initial_state,
            )
            cell = self.bridge.call(initial_state, cell)
        fed: Any = ()
        if self._feeds_back:
            fed = ops.zeros((batch, self._fed_depth()), self.compute_dtype)
        return DecoderState(cell, self.attention.initial_state(memory), fed)

    def _check_built(self, method: str) -> None:
        require_built(self, method, "inputs_shape, value_shape")
