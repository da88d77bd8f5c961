"""Inputs of models by their names, whatever else stands in the dict."""

from typing import Any

from keras_attention.layer_support.types import Nested, Tensor


class NamedInputs:
    """Takes the inputs of a functional model out of the dict that it is called with.

    To stand before `keras.Model` among the bases. Keras 3.15 takes the values of a dict
    in the order of its keys: `id` beside `source_ids` and `target_ids` would be the
    source.
    """

    input: dict[str, Tensor]

    def __call__(self, inputs: Nested, *arguments: Any, **named: Any) -> Any:
        return super().__call__(self._named(inputs), *arguments, **named)  # type: ignore[misc]

    def call(
        self, inputs: Nested, training: bool | None = None, mask: Nested = None
    ) -> Any:
        # Not only through `__call__`: `stateless_call`, which JAX trains with.
        return super().call(self._named(inputs), training=training, mask=mask)  # type: ignore[misc]

    def _named(self, inputs: Nested) -> Nested:
        if not isinstance(inputs, dict):
            return inputs
        missing = [name for name in self.input if name not in inputs]
        if missing:
            raise ValueError(
                f"`inputs` must have all inputs of the model. Expected: "
                f"{list(self.input)}. Received: {sorted(inputs)}"
            )
        return {name: inputs[name] for name in self.input}
