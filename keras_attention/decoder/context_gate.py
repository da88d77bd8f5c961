r"""Context gate: between what the decoder has said and what it looks at.

z_t = sigmoid(W_z y_t + U_z s + C_z c_t + b)
s_t = cell((1 - z_t) * W y_t + z_t * C c_t, (1 - z_t) * s)
"""

from typing import Any

import keras
from keras import ops

from keras_attention.backend.cells.cell_stack import FedCell
from keras_attention.backend.cells.prepared_cell import PreparedCell
from keras_attention.decoder.orders import Order
from keras_attention.layer_support.building import from_config
from keras_attention.layer_support.types import Initializer, Regularizer, Shape, Tensor

_VARIANTS = ("source", "target", "both")


@keras.saving.register_keras_serializable(package="keras_attention")
class ContextGate(keras.layers.Layer):
    r"""How much of a step comes from the source, and how much from the target.

    $$ z_t = \sigma(W_z y_t + U_z s_{t-1} + C_z c_t + b) $$

    | variant | the cell takes | from the state |
    |---|---|---|
    | `source` | $W y_t + z_t \circ C c_t$ | $s_{t-1}$ |
    | `target` | $z_t \circ W y_t + C c_t$ | $z_t \circ s_{t-1}$ |
    | `both` | $(1 - z_t) \circ W y_t + z_t \circ C c_t$ | $(1 - z_t) \circ s_{t-1}$ |

    The `context_gate` of `ka.AttentionDecoder`, in front of the cell that the context
    enters: the bottom one in the order `bahdanau`; the second one in `conditional`,
    whose state has seen $y_t$ ($s'_t$ then stands for $s_{t-1}$, without W and W_z). A
    cell with several states (LSTM) has its first one gated.

    Args:
        variant: `"source"`, `"target"` or `"both"`.
        kernel_initializer, kernel_regularizer: As in `keras.layers.Dense`.
        **layer: `name`, `dtype`, `trainable`.

    Weights, n the depth of the state: `inputs_kernel [D, 2n]`, W and W_z side by side;
    `context_kernel [Dc, 2n]`, C and C_z; `state_kernel [n, n]`; `bias [n]`.

    Raises:
        ValueError: An unknown variant.

    Relative to the paper: its equations are those of a simple recurrent network, and
    scale $U s_{t-1}$. Here, as in its authors' code for a GRU, the state is scaled in
    front of the matrices of any cell, whose input matrix follows W and C. With the
    identity for that one and a diagonal U, a `SimpleRNNCell` is the paper's network.

    References:
        Tu et al. 2017, arXiv 1608.06043.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> decoder = ka.AttentionDecoder(
    ...     keras.layers.GRUCell(8), ka.BahdanauAttention(8), context_gate="both"
    ... )
    >>> tuple(decoder(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)[1:]
    (3, 14)
    """

    def __init__(
        self,
        variant: str = "both",
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        if variant not in _VARIANTS:
            raise ValueError(
                f"`variant` must be one of {list(_VARIANTS)}. "
                f"Received: variant={variant!r}"
            )
        self.variant = variant
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(
        self, state_shape: Shape, context_shape: Shape, inputs_shape: Shape
    ) -> None:
        """Make the weights; `inputs_shape` has depth 0 where y_t does not enter."""
        self.units = state_shape[-1]
        depths = {
            "inputs_kernel": (inputs_shape[-1], 2 * self.units),
            "context_kernel": (context_shape[-1], 2 * self.units),
            "state_kernel": (self.units, self.units),
        }
        serialized = keras.initializers.serialize(self.kernel_initializer)
        for name, shape in depths.items():
            weight = None
            if shape[0]:
                weight = self.add_weight(
                    name=name,
                    shape=shape,
                    initializer=keras.initializers.get(serialized),
                    regularizer=self.kernel_regularizer,
                )
            setattr(self, name, weight)
        self.bias = self.add_weight(
            name="bias", shape=(self.units,), initializer="zeros"
        )

    def compute_output_shape(
        self, state_shape: Shape, context_shape: Shape, inputs_shape: Shape
    ) -> Shape:
        """Shape of what enters the cell."""
        return tuple(state_shape)

    def in_front_of(self, cell: FedCell) -> PreparedCell:
        """A cell that takes the inputs, and the context as what is fed.

        Args:
            cell: `(input [B, n], states) -> (output, states)`.
        """
        dtype = self.compute_dtype
        of_context = ops.cast(self.context_kernel, dtype)  # [Dc, 2n]
        of_state = ops.cast(self.state_kernel, dtype)  # [n, n]
        bias = ops.cast(self.bias, dtype)  # [n]

        def project(x: Tensor) -> Any:
            return ops.matmul(x, ops.cast(self.inputs_kernel, dtype))  # [..., 2n]

        def step(projected: Tensor, context: Tensor, states: tuple[Tensor, ...]) -> Any:
            state = states[0]
            source, pre = ops.split(ops.matmul(context, of_context), 2, axis=-1)
            pre = pre + ops.matmul(state, of_state) + bias  # [B, n]
            target = None
            if projected is not None:
                target, pre_inputs = ops.split(projected, 2, axis=-1)  # each [B, n]
                pre = pre + pre_inputs
            gate = ops.sigmoid(pre)  # [B, n]
            if self.variant != "target":
                source = gate * source
            if self.variant != "source":
                share = gate if self.variant == "target" else 1 - gate
                state = share * state
                target = None if target is None else share * target
            entering = source if target is None else target + source  # [B, n]
            return cell(entering, (state, *states[1:]))

        return PreparedCell(project, step)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "variant": self.variant,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def for_order(
    identifier: Any, order: Order, dtype: keras.DTypePolicy
) -> ContextGate | None:
    """The gate of a decoder with this order.

    Args:
        identifier: The name of a variant, a configuration, a gate or None.
        order: The decoder's.
        dtype: The dtype policy of a gate that is named.

    Raises:
        TypeError: Something else.
        ValueError: The context enters no cell of this order, or more than one.
    """
    if isinstance(identifier, str):
        identifier = ContextGate(identifier, dtype=dtype)
    identifier = from_config(identifier)
    if identifier is not None and not isinstance(identifier, ContextGate):
        raise TypeError(
            f"`context_gate` must be one of {list(_VARIANTS)}, a ka.ContextGate or "
            f"None. Received: context_gate={identifier!r}"
        )
    if identifier is not None and order.context_cell is None:
        raise ValueError(
            "`context_gate` is for orders where the context enters one cell: "
            f"expected None with order={order.name!r}. "
            f"Received: context_gate of variant {identifier.variant!r}"
        )
    return identifier
