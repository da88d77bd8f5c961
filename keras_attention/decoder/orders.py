r"""Decoder orders: what the query is, and what the cell eats.

| order | query | the cell eats | default readout | paper |
|---|---|---|---|---|
| `bahdanau` | $s_{t-1}$ | $[y_t; c_t]$ | `concat` | Bahdanau et al. 2014, A.2.2 |
| `luong` | $h_t$ | $[y_t; f_{t-1}]$ or $y_t$ | `attentional` | Luong et al. 2015, 3.3 |
| `conditional` | $s'_t$ of the first of two cells, which eats $y_t$ | the second $c_t$, from the state $s'_t$ | `concat` | Sennrich et al. 2017, section 2 |
| `gnmt` | $s^1_{t-1}$ of the bottom cell | $[y_t; c_t]$, the cells above $[h_t; c_t]$ | `none` | Wu et al. 2016, section 3 |

What `luong` feeds back, $f_{t-1}$, is the attentional vector
$\tilde h_{t-1}$; with a readout that is not attentional it is $c_{t-1}$, so
that the context still reaches the cell.
"""  # noqa: E501

import abc
from typing import Any, NamedTuple

from keras_attention.backend.cells import CellStack
from keras_attention.backend.cells.prepared_cell import PreparedCell
from keras_attention.layer_support.registry import Registry


class DecoderState(NamedTuple):
    """What a decoder carries from one target step to the next.

    Attributes:
        cell: State tensors of every cell, bottom first: `((h, c), ...)`; those of
            the last one only in the order `conditional`.
        attention: `ka.AttentionState`.
        fed: What is fed back, `[B, F]`, or `()` when nothing is.
    """

    cell: Any
    attention: Any
    fed: Any = ()


class StepResult(NamedTuple):
    """One target step: output of the cell, context, readout (if fed back)."""

    hidden: Any
    context: Any
    output: Any
    weights: Any
    state: DecoderState


class Order(abc.ABC):
    """How one target step is put together. Final subclasses hold no state."""

    name: str
    default_readout: str
    # The one cell that the context enters, where a gate may stand in front of it.
    gated_cell: int | None = None

    @abc.abstractmethod
    def feeds_back(self, input_feeding: bool) -> bool:
        """Whether something of the previous step enters the cell."""

    @abc.abstractmethod
    def eats_context(self) -> bool:
        """Whether the context of this very step enters the cell."""

    @abc.abstractmethod
    def query_depth(self, stack: CellStack) -> int:
        """Depth of the query."""

    def check(self, stack: CellStack) -> None:
        """Raise ValueError where these cells cannot be stepped so."""
        return None

    def input_depths(self, stack: CellStack, known: int, fed: int) -> list[int]:
        """Depth of every cell's input.

        Args:
            known: Depth of the decoder's inputs.
            fed: Of what is only known inside the loop.
        """
        return [known + fed, *stack.output_depths[:-1]]

    def carried(self, per_cell: Any) -> Any:
        """Of something for every cell, that for those whose state is carried on."""
        return per_cell

    def prepare(
        self, stack: CellStack, fed: int, training: bool, gate: Any = None
    ) -> tuple[PreparedCell, Any]:
        """The cell, and what is stepped after attention where there is such a thing."""
        return stack.prepare(fed, training, gate=gate), None

    @abc.abstractmethod
    def step(self, run: Any, projected: Any, state: DecoderState, drawn: Any) -> Any:
        """One target step.

        Args:
            run: `StepParts` of `teacher_forcing.py`: the prepared cell, the
                attention with its memory, and the readout when it is fed back.
            projected: This step's input, as the prepared cell wants it.
            state: The decoder state before the step.
            drawn: This step's part of what `AttentionLayer.draw` gave, or None.
        """


class LuongOrder(Order):
    """First the cell, then attention with its output (Luong et al. 2015)."""

    name = "luong"
    default_readout = "attentional"

    def feeds_back(self, input_feeding: bool) -> bool:
        return input_feeding

    def eats_context(self) -> bool:
        return False

    def query_depth(self, stack: CellStack) -> int:
        return stack.output_depth

    def step(self, run: Any, projected: Any, state: DecoderState, drawn: Any) -> Any:
        fed = None if isinstance(state.fed, tuple) else state.fed
        hidden, cell = run.cell.step(projected, fed, state.cell)
        context, weights, attention = run.attention.advance(
            hidden, run.memory, state.attention, drawn
        )
        output = None
        carried: Any = ()
        if fed is not None:
            output = run.fed_readout and run.fed_readout(hidden, context)
            carried = context if output is None else output
        return StepResult(
            hidden, context, output, weights, DecoderState(cell, attention, carried)
        )


class BahdanauOrder(Order):
    """First attention with the previous state, then the cell."""

    name = "bahdanau"
    default_readout = "concat"
    gated_cell = 0

    def feeds_back(self, input_feeding: bool) -> bool:
        return False

    def eats_context(self) -> bool:
        return True

    def query_depth(self, stack: CellStack) -> int:
        return stack.state_sizes[-1][0]

    def step(self, run: Any, projected: Any, state: DecoderState, drawn: Any) -> Any:
        context, weights, attention = run.attention.advance(
            state.cell[-1][0], run.memory, state.attention, drawn
        )
        hidden, cell = run.cell.step(projected, context, state.cell)
        return StepResult(hidden, context, None, weights, DecoderState(cell, attention))


class ConditionalOrder(Order):
    """Attention between two transitions of one state (conditional GRU).

    $s'_t = f_1(y_t, s_{t-1})$, $c_t = attend(s'_t)$, $s_t = f_2(c_t, s'_t)$. The cell
    is `StackedRNNCells([f1, f2])`, two cells with the same states; any kind will do.
    """

    name = "conditional"
    default_readout = "concat"
    gated_cell = 1

    def feeds_back(self, input_feeding: bool) -> bool:
        return False

    def eats_context(self) -> bool:
        return True

    def query_depth(self, stack: CellStack) -> int:
        return stack.output_depths[0]

    def check(self, stack: CellStack) -> None:
        sizes = stack.state_sizes
        if len(sizes) != 2 or sizes[0] != sizes[1]:
            raise ValueError(
                'order="conditional" is two transitions of one state. Expected: '
                "`keras.layers.StackedRNNCells` of two cells with states of the same "
                f"depths. Received: cell with state depths {sizes}"
            )

    def input_depths(self, stack: CellStack, known: int, fed: int) -> list[int]:
        return [known, fed]

    def carried(self, per_cell: Any) -> Any:
        return per_cell[-1:]

    def prepare(
        self, stack: CellStack, fed: int, training: bool, gate: Any = None
    ) -> tuple[PreparedCell, Any]:
        return stack.prepare_apart(fed, training, gate)

    def step(self, run: Any, projected: Any, state: DecoderState, drawn: Any) -> Any:
        query, between = run.cell.step(projected, None, state.cell[0])
        context, weights, attention = run.attention.advance(
            query, run.memory, state.attention, drawn
        )
        hidden, new = run.second(context, between)
        return StepResult(
            hidden, context, None, weights, DecoderState((new,), attention)
        )


class GnmtOrder(Order):
    """Attention with the bottom cell's state before; its context feeds every cell.

    Relative to the paper: no residual connections between the cells.
    """

    name = "gnmt"
    default_readout = "none"

    def feeds_back(self, input_feeding: bool) -> bool:
        return False

    def eats_context(self) -> bool:
        return True

    def query_depth(self, stack: CellStack) -> int:
        return stack.state_sizes[0][0]

    def input_depths(self, stack: CellStack, known: int, fed: int) -> list[int]:
        return [known + fed, *(depth + fed for depth in stack.output_depths[:-1])]

    def prepare(
        self, stack: CellStack, fed: int, training: bool, gate: Any = None
    ) -> tuple[PreparedCell, Any]:
        return stack.prepare(fed, training, feed_all=True), None

    def step(self, run: Any, projected: Any, state: DecoderState, drawn: Any) -> Any:
        context, weights, attention = run.attention.advance(
            state.cell[0][0], run.memory, state.attention, drawn
        )
        hidden, cell = run.cell.step(projected, context, state.cell)
        return StepResult(hidden, context, None, weights, DecoderState(cell, attention))


registry: Registry[Order] = Registry("order", Order)
registry.add("bahdanau", BahdanauOrder)
registry.add("conditional", ConditionalOrder)
registry.add("gnmt", GnmtOrder)
registry.add("luong", LuongOrder)


def get(identifier: Any) -> Order:
    """An order from its name or itself."""
    return registry.get(identifier)
