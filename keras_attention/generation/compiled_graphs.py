"""Compiled graphs of a model, dropped when what they were traced from has changed."""

import operator
from collections.abc import Callable
from typing import Any

from keras_attention.backend.loop import compiled
from keras_attention.layer_support.types import Shape


class CompiledGraphs:
    """Keeps a model's graphs where Keras and SavedModel do not look for them.

    A graph holds the layers, variables and precisions that there were when it was
    traced. LoRA, quantisation, new variables, another dtype policy, `trainable` and
    `compile` change them: then all graphs are traced anew.

    Args:
        model: The model; anything, if it is no Keras model nothing is noticed.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._traced_from: list[Any] = []
        self._graphs: dict[Any, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Graphs are made anew where they are unpickled.
        return self.__dict__ | {"_traced_from": [], "_graphs": {}}

    def __len__(self) -> int:
        return len(self._graphs)

    def get(
        self,
        key: Any,
        function: Callable[..., Any],
        signature: tuple[tuple[Shape, str], ...],
    ) -> Callable[..., Any]:
        """`function` compiled for `signature`, once for each key."""
        return self.keep((key, signature), lambda: compiled(function, signature))

    def keep(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` returned for this key, as long as the model stays as it is."""
        parts = _parts(self._model)
        # The parts are held, so that no other object can be taken for one of them.
        same = len(parts) == len(self._traced_from) and all(
            map(operator.is_, parts, self._traced_from)
        )
        if not same:
            self._graphs.clear()
            self._traced_from = parts
        if key not in self._graphs:
            self._graphs[key] = make()
        return self._graphs[key]


def _parts(model: Any) -> list[Any]:
    """Whatever a graph of a model depends on, as objects to compare by identity."""
    parts = [getattr(model, "optimizer", None)]  # Made anew by `compile`.
    for layer in getattr(model, "_flatten_layers", list)():
        parts += (layer, layer.dtype_policy, layer.trainable)
        parts += layer._trainable_variables
        parts += layer._non_trainable_variables
    return parts
