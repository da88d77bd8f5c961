r"""Decoder orders: what the query is, and what the cell takes.

| order | query | the cell takes | default readout | paper |
|---|---|---|---|---|
| `bahdanau` | $s_{t-1}$ | $[y_t; c_t]$ | `concat` | Bahdanau et al. 2014, A.2.2 |
| `luong` | $h_t$ | $[y_t; f_{t-1}]$ or $y_t$ | `attentional` | Luong et al. 2015, 3.3 |
| `conditional` | $s'_t$ of the first of two cells, which takes $y_t$ | the second $c_t$, from the state $s'_t$ | `concat` | Sennrich et al. 2017, section 2 |
| `gnmt` | $s^1_{t-1}$ of the bottom cell | $[y_t; c_t]$, the cells above $[h_t; c_t]$ | `none` | Wu et al. 2016, section 3 |

What `luong` feeds back, $f_{t-1}$, is the attentional vector
$\tilde h_{t-1}$; with a readout that is not attentional it is $c_{t-1}$, so
that the context still reaches the cell.
"""  # noqa: E501

import abc
from typing import Any

from keras_attention.backend.cells import CellStack
from keras_attention.backend.cells.cell_stack import FedCell, Gate
from keras_attention.backend.cells.prepared_cell import PreparedCell
from keras_attention.decoder.step import DecoderState, PreparedDecoder, StepResult
from keras_attention.layer_support.registry import Registry
from keras_attention.layer_support.types import Nested, Tensor


class Order(abc.ABC):
    """How one target step is put together. Final subclasses hold no state.

    Attributes:
        name: What the decoder is told.
        default_readout: Its name.
        takes_context: Whether the context of a step enters the cell in that very step;
            otherwise attention comes last, and input feeding is possible.
        context_cell: The one cell that the context enters, where there is one.
    """

    name: str
    default_readout: str
    takes_context: bool = True
    context_cell: int | None = None

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
        self, stack: CellStack, fed: int, training: bool, gate: Gate | None = None
    ) -> tuple[PreparedCell, FedCell | None]:
        """The cell, and what is stepped after attention where there is such a thing."""
        return stack.prepare(fed, training, gate=gate), None

    @abc.abstractmethod
    def step(
        self,
        decoder: PreparedDecoder,
        projected: Tensor,
        state: DecoderState,
        drawn: Nested,
    ) -> StepResult:
        """One target step.

        Args:
            decoder: What it is put together from.
            projected: This step's input, as the prepared cell wants it.
            state: The decoder state before the step.
            drawn: This step's part of what `AttentionLayer.draw` gave, or None.
        """


class LuongOrder(Order):
    """First the cell, then attention with its output (Luong et al. 2015)."""

    name = "luong"
    default_readout = "attentional"
    takes_context = False

    def query_depth(self, stack: CellStack) -> int:
        return stack.output_depth

    def step(
        self,
        decoder: PreparedDecoder,
        projected: Tensor,
        state: DecoderState,
        drawn: Any,
    ) -> StepResult:
        fed = None if isinstance(state.fed, tuple) else state.fed
        hidden, cell = decoder.cell.step(projected, fed, state.cell)
        context, weights, attention = decoder.attend(hidden, state.attention, drawn)
        output = decoder.readout(hidden, context) if decoder.feeds_readout else None
        carried: Tensor = ()
        if fed is not None:
            carried = context if output is None else output
        new = DecoderState(cell, attention, carried)
        return StepResult(hidden, context, output, weights, new)


class AttendFirst(Order, abc.ABC):
    """First attention with the state before, then the cell."""

    query_cell: int

    def query_depth(self, stack: CellStack) -> int:
        return stack.state_sizes[self.query_cell][0]

    def step(
        self,
        decoder: PreparedDecoder,
        projected: Tensor,
        state: DecoderState,
        drawn: Any,
    ) -> StepResult:
        query = state.cell[self.query_cell][0]
        context, weights, attention = decoder.attend(query, state.attention, drawn)
        fed = decoder.entering(context, weights)
        hidden, cell = decoder.cell.step(projected, fed, state.cell)
        return StepResult(hidden, context, None, weights, DecoderState(cell, attention))


class BahdanauOrder(AttendFirst):
    """The query is the top cell's state; the context enters the bottom cell."""

    name = "bahdanau"
    default_readout = "concat"
    context_cell = 0
    query_cell = -1


class GnmtOrder(AttendFirst):
    """The query is the bottom cell's state; the context enters every cell.

    Relative to the paper: no residual connections between the cells.
    """

    name = "gnmt"
    default_readout = "none"
    query_cell = 0

    def input_depths(self, stack: CellStack, known: int, fed: int) -> list[int]:
        return [known + fed, *(depth + fed for depth in stack.output_depths[:-1])]

    def prepare(
        self, stack: CellStack, fed: int, training: bool, gate: Gate | None = None
    ) -> tuple[PreparedCell, FedCell | None]:
        return stack.prepare(fed, training, feed_all=True), None


class ConditionalOrder(Order):
    """Attention between two transitions of one state (conditional GRU).

    $s'_t = f_1(y_t, s_{t-1})$, $c_t = attend(s'_t)$, $s_t = f_2(c_t, s'_t)$. The cell
    is `StackedRNNCells([f1, f2])`, two cells with the same states; any kind will do.
    """

    name = "conditional"
    default_readout = "concat"
    context_cell = 1

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
        self, stack: CellStack, fed: int, training: bool, gate: Gate | None = None
    ) -> tuple[PreparedCell, FedCell | None]:
        return stack.prepare_apart(fed, training, gate)

    def step(
        self,
        decoder: PreparedDecoder,
        projected: Tensor,
        state: DecoderState,
        drawn: Any,
    ) -> StepResult:
        query, between = decoder.cell.step(projected, None, state.cell[0])
        context, weights, attention = decoder.attend(query, state.attention, drawn)
        hidden, new = decoder.second(decoder.entering(context, weights), between)
        after = DecoderState((new,), attention)
        return StepResult(hidden, context, None, weights, after)


registry: Registry[Order] = Registry("order", Order)
registry.add("bahdanau", BahdanauOrder)
registry.add("conditional", ConditionalOrder)
registry.add("gnmt", GnmtOrder)
registry.add("luong", LuongOrder)
