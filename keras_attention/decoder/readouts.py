r"""Readouts: what leaves the decoder at each target step.

| name | equation | parameters | paper |
|---|---|---|---|
| `concat` | $[h_t; c_t]$ | none | Bahdanau et al. 2014 (input of the output layer) |
| `attentional` | $\tanh(W_c [c_t; h_t])$ | $W_c$ | Luong et al. 2015, eq. 5 |
| `maxout` | $\max(t_{2j-1}, t_{2j})$ of $t = W [h_t; y_t; c_t] + b$ | $W, b$ | Bahdanau et al. 2014, A.2.2 (deep output) |
| `none` | $h_t$ | none | |
"""  # noqa: E501

import abc
import inspect
from typing import Any

import keras
from keras import ops

from keras_attention.layer_support.argument_checks import positive_integer
from keras_attention.layer_support.building import build_part
from keras_attention.layer_support.registry import Registry
from keras_attention.layer_support.types import Identifier, Initializer, Shape, Tensor


class Readout(keras.layers.Layer, abc.ABC):
    """output = readout(hidden, context, inputs), over any leading dimensions.

    One that does without the inputs may take two arguments in `build` and in `call`.

    Attributes:
        fed_back: Whether input feeding feeds this output (else the context). Inside the
            loop the inputs are None: such a readout does without them.
    """

    fed_back = False

    def build(
        self,
        hidden_shape: Shape,
        context_shape: Shape,
        inputs_shape: Shape | None = None,
    ) -> None:
        """Make weights that depend on the depths; none by default."""

    def build_for(self, *shapes: Shape) -> None:
        """`build`, unless it is built, with as many shapes as it takes."""
        build_part(self, *shapes[: len(inspect.signature(self.build).parameters)])

    def __call__(self, *seen: Tensor, **named: Any) -> Any:
        taken = len(inspect.signature(self.call).parameters)
        return super().__call__(*seen[:taken], **named)

    @abc.abstractmethod
    def depth(self, hidden_depth: int, context_depth: int) -> int:
        """Depth of the output."""

    def fed_depth(self, hidden_depth: int, context_depth: int) -> int:
        """Depth of what input feeding feeds."""
        fed = self.depth(hidden_depth, context_depth)
        return fed if self.fed_back else context_depth

    def compute_output_shape(
        self,
        hidden_shape: Shape,
        context_shape: Shape,
        inputs_shape: Shape | None = None,
    ) -> Shape:
        return *hidden_shape[:-1], self.depth(hidden_shape[-1], context_shape[-1])

    @abc.abstractmethod
    def call(self, hidden: Tensor, context: Tensor, inputs: Tensor = None) -> Any: ...

    def get_config(self) -> dict[str, Any]:
        # Keras' automatic configuration cannot hold the dtype policy that the
        # layer around this part hands down. A class with arguments adds its own.
        return super().get_config()


@keras.saving.register_keras_serializable(package="keras_attention")
class ConcatReadout(Readout):
    r"""$o_t = [h_t; c_t]$: what Bahdanau's output layer sees, without $y_{t-1}$."""

    def depth(self, hidden_depth: int, context_depth: int) -> int:
        return hidden_depth + context_depth

    def call(self, hidden: Tensor, context: Tensor, inputs: Tensor = None) -> Any:
        return ops.concatenate([hidden, context], axis=-1)  # [..., Dh + Dc]


@keras.saving.register_keras_serializable(package="keras_attention")
class NoneReadout(Readout):
    r"""$o_t = h_t$: the context acts through the cell alone."""

    def depth(self, hidden_depth: int, context_depth: int) -> int:
        return hidden_depth

    def call(self, hidden: Tensor, context: Tensor, inputs: Tensor = None) -> Any:
        return hidden


@keras.saving.register_keras_serializable(package="keras_attention")
class AttentionalReadout(Readout):
    r"""The attentional vector $\tilde h_t = \tanh(W_c [c_t; h_t])$.

    Args:
        units: Depth of the output, default that of the hidden state.
        activation: Default tanh, the paper's; `"linear"` is TF Addons' form.
        kernel_initializer: As in `keras.layers.Dense`.

    Weights: `kernel [Dc + Dh, units]`, no bias.

    References:
        Luong, Pham & Manning 2015, arXiv 1508.04025, equation 5.
    """

    fed_back = True

    def __init__(
        self,
        units: int | None = None,
        activation: Identifier = "tanh",
        kernel_initializer: Initializer = "glorot_uniform",
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.units = positive_integer("units", units, optional=True)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(
        self,
        hidden_shape: Shape,
        context_shape: Shape,
        inputs_shape: Shape | None = None,
    ) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(
                context_shape[-1] + hidden_shape[-1],
                self.depth(hidden_shape[-1], context_shape[-1]),
            ),
            initializer=self.kernel_initializer,
        )

    def depth(self, hidden_depth: int, context_depth: int) -> int:
        return self.units or hidden_depth

    def call(self, hidden: Tensor, context: Tensor, inputs: Tensor = None) -> Any:
        joined = ops.concatenate([context, hidden], axis=-1)  # [..., Dc + Dh]
        return self.activation(
            ops.matmul(joined, ops.cast(self.kernel, joined.dtype))
        )  # [..., units]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(package="keras_attention")
class MaxoutReadout(Readout):
    r"""Bahdanau's deep output: the larger of each pair of units.

    $$ t = W [h_t; y_t; c_t] + b, \qquad o_{tj} = \max(t_{2j-1}, t_{2j}) $$

    Args:
        units: Depth of the output, default that of the hidden state.
        kernel_initializer: As in `keras.layers.Dense`.

    Weights: `kernel [Dh + Dy + Dc, 2 * units]`, `bias [2 * units]`.

    Relative to the paper: it writes $s_{t-1}$ for the state here; this takes the output
    of the step, $h_t$, as implementations do.

    References:
        Bahdanau, Cho & Bengio 2014, arXiv 1409.0473, appendix A.2.2; Goodfellow et
        al. 2013, arXiv 1302.4389 (maxout).
    """

    def __init__(
        self,
        units: int | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.units = positive_integer("units", units, optional=True)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(
        self,
        hidden_shape: Shape,
        context_shape: Shape,
        inputs_shape: Shape | None = None,
    ) -> None:
        depths = [x[-1] for x in (hidden_shape, inputs_shape, context_shape) if x]
        units = self.depth(hidden_shape[-1], context_shape[-1])
        self.kernel = self.add_weight(
            name="kernel",
            shape=(sum(depths), 2 * units),
            initializer=self.kernel_initializer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(2 * units,), initializer="zeros"
        )

    def depth(self, hidden_depth: int, context_depth: int) -> int:
        return self.units or hidden_depth

    def call(self, hidden: Tensor, context: Tensor, inputs: Tensor = None) -> Any:
        joined = ops.concatenate([hidden, inputs, context], axis=-1)
        linear = ops.matmul(joined, ops.cast(self.kernel, joined.dtype))
        linear = linear + ops.cast(self.bias, joined.dtype)  # [..., 2 * units]
        *leading, depth = ops.shape(linear)
        pairs = ops.reshape(linear, (*leading, depth // 2, 2))  # [..., units, 2]
        return ops.maximum(pairs[..., 0], pairs[..., 1])  # [..., units]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


registry: Registry[Readout] = Registry("readout", Readout)
registry.add("attentional", AttentionalReadout)
registry.add("concat", ConcatReadout)
registry.add("maxout", MaxoutReadout)
registry.add("none", NoneReadout)


def get(identifier: Identifier, **arguments: Any) -> Readout:
    """A readout from its name, configuration or itself."""
    return registry.get(identifier, **arguments)


def with_units(
    readout: Identifier, output_units: int | None, dtype: keras.DTypePolicy
) -> Readout:
    """A readout as `get` finds it, where a name is given with its depth.

    Args:
        readout: As for `get`.
        output_units: Depth of the output, or None for the default.
        dtype: The dtype policy of a readout that is named.

    Raises:
        ValueError: A depth for a readout that takes none or has its own.
    """
    positive_integer("output_units", output_units, optional=True)
    if output_units is not None and readout not in ("attentional", "maxout"):
        raise ValueError(
            '`output_units` is for readout="attentional" and "maxout" '
            f"only: expected None. Received: output_units="
            f"{output_units!r}, readout={readout!r}"
        )
    if not isinstance(readout, str):
        return get(readout)
    arguments: dict[str, Any] = {"dtype": dtype}
    if output_units is not None:
        arguments["units"] = output_units
    return get(readout, **arguments)
