r"""Decoder orders: what the query is, and what the cell eats.

| order | query | the cell eats | default readout | paper |
|---|---|---|---|---|
| `bahdanau` | $s_{t-1}$ | $[y_t; c_t]$ | `concat` | Bahdanau et al. 2014, A.2.2 |
| `luong` | $h_t$ | $[y_t; f_{t-1}]$ or $y_t$ | `attentional` | Luong et al. 2015, 3.3 |

What `luong` feeds back, $f_{t-1}$, is the attentional vector
$\tilde h_{t-1}$; with a readout that is not attentional it is $c_{t-1}$, so
that the context still reaches the cell.
"""

import abc
from typing import Any, NamedTuple

from keras_attention.registry import Registry


class DecoderState(NamedTuple):
    """What a decoder carries from one target step to the next.

    Attributes:
        cell: State tensors of every cell, bottom first: `((h, c), ...)`.
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

    @abc.abstractmethod
    def feeds_back(self, input_feeding: bool) -> bool:
        """Whether something of the previous step enters the cell."""

    @abc.abstractmethod
    def eats_context(self) -> bool:
        """Whether the context of this very step enters the cell."""

    @abc.abstractmethod
    def query_depth(self, output_depth: int, top_state_depth: int) -> int:
        """Depth of the query."""

    @abc.abstractmethod
    def step(self, run: Any, projected: Any, state: DecoderState, drawn: Any) -> Any:
        """One target step.

        Args:
            run: `StepParts` of `teacher_forcing.py`: the prepared cell, the
                attention with its memory, and the readout when it is fed back.
            projected: This step's input, as the prepared cell wants it.
            state: The decoder state before the step.
            drawn: This step's part of what `Attention.draw` gave, or None.
        """


class LuongOrder(Order):
    """First the cell, then attention with its output (Luong et al. 2015)."""

    name = "luong"
    default_readout = "attentional"

    def feeds_back(self, input_feeding: bool) -> bool:
        return input_feeding

    def eats_context(self) -> bool:
        return False

    def query_depth(self, output_depth: int, top_state_depth: int) -> int:
        return output_depth

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

    def feeds_back(self, input_feeding: bool) -> bool:
        return False

    def eats_context(self) -> bool:
        return True

    def query_depth(self, output_depth: int, top_state_depth: int) -> int:
        return top_state_depth

    def step(self, run: Any, projected: Any, state: DecoderState, drawn: Any) -> Any:
        context, weights, attention = run.attention.advance(
            state.cell[-1][0], run.memory, state.attention, drawn
        )
        hidden, cell = run.cell.step(projected, context, state.cell)
        return StepResult(hidden, context, None, weights, DecoderState(cell, attention))


registry: Registry[Order] = Registry("order", Order)
registry.add("bahdanau", BahdanauOrder)
registry.add("luong", LuongOrder)


def get(identifier: Any) -> Order:
    """An order from its name or itself."""
    return registry.get(identifier)
