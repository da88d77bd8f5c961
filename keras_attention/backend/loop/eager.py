"""Eager loops over time: torch's, and TensorFlow's outside graphs."""

from collections.abc import Callable
from typing import Any, TypeAlias

from keras import ops, tree

from keras_attention.layer_support.types import Nested, Size, Tensor

Step: TypeAlias = Callable[..., tuple[Any, Any]]
Stage: TypeAlias = Callable[[Any], tuple[Any, Any]]
Proceed: TypeAlias = Callable[[Any], Tensor]


def scan(step: Step, state: Nested, inputs: Nested, defer: bool) -> Any:
    collected = []
    for t in range(tree.flatten(inputs)[0].shape[0]):
        state, outputs = step(state, tree.map_structure(lambda x, t=t: x[t], inputs))
        collected.append(outputs)
    return state, stacked(collected)


def unfold(
    step: Step, state: Nested, proceed: Proceed, max_steps: Size, rows: Size
) -> Any:
    collected = []
    for t in range(int(max_steps)):
        state, outputs = step(ops.convert_to_tensor(t, dtype="int32"), state)
        collected.append(outputs)
        if not bool(proceed(state)):
            break
    steps = ops.convert_to_tensor(len(collected), dtype="int32")
    return state, stacked(collected), steps


def stacked(collected: list[Any]) -> Any:
    """The outputs of all steps, time-major."""
    return tree.map_structure(lambda *rows: ops.stack(rows), *collected)


def known_rows(max_steps: Size) -> Any:
    return int(max_steps)


def dynamic_shapes() -> bool:
    return True


def in_dynamic_graph() -> bool:
    return False


def is_compiled_later(value: Tensor) -> bool:
    return False


def compiled(function: Callable[..., Any], signature: Any) -> Callable[..., Any]:
    return function
