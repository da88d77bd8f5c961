r"""Sampling schedules: how often a decoder in training is given the true token.

| class | probability of the truth at update i |
|---|---|
| `Constant(k)` | $k$ |
| `Linear(start, slope, floor)` | $\max(\mathrm{floor}, \mathrm{start} - \mathrm{slope} \cdot i)$ |
| `Exponential(k)` | $k^i$, $k < 1$ |
| `InverseSigmoid(k)` | $k / (k + \exp(i / k))$, $k \ge 1$ |

Bengio, Vinyals, Jaitly & Shazeer 2015, arXiv 1506.03099, section 2.4. `Constant(1.0)` is
teacher forcing, `Constant(0.0)` never shows the truth.
"""  # noqa: E501

import abc
import math
from typing import Any

import keras
from keras import ops

from keras_attention.layer_support.building import from_config
from keras_attention.layer_support.types import Tensor


class Schedule(abc.ABC):
    """The probability of the true token at an update of the weights.

    To add one, extend this class, implement the call and register it with Keras.
    """

    @abc.abstractmethod
    def __call__(self, update: Tensor) -> Any:
        """The probability at `update`, a float32 scalar that counts from 0."""

    def get_config(self) -> dict[str, Any]:
        """The arguments: attributes of the same names, unless a class says else."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Schedule":
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_attention")
class Constant(Schedule):
    """The same at every update.

    Args:
        k: The probability.

    Raises:
        ValueError: Not in [0, 1].

    Example:

    >>> import keras_attention as ka
    >>> float(ka.schedules.Constant(0.75)(10.0))
    0.75
    """

    def __init__(self, k: float) -> None:
        _check("k", k, 0.0, 1.0)
        self.k = k

    def __call__(self, update: Tensor) -> Any:
        return self.k + 0.0 * ops.cast(update, "float32")


@keras.saving.register_keras_serializable(package="keras_attention")
class Linear(Schedule):
    r"""$\max(\mathrm{floor}, \mathrm{start} - \mathrm{slope} \cdot i)$.

    Args:
        start: The probability at the first update.
        slope: How much less there is at each.
        floor: What it does not go below.

    Raises:
        ValueError: `start` or `floor` not in [0, 1], `slope` negative.

    Example:

    >>> import keras_attention as ka
    >>> float(ka.schedules.Linear(1.0, slope=0.125, floor=0.25)(2.0))
    0.75
    """

    def __init__(self, start: float, slope: float, floor: float = 0.0) -> None:
        _check("start", start, 0.0, 1.0)
        _check("slope", slope, 0.0, math.inf)
        _check("floor", floor, 0.0, 1.0)
        self.start = start
        self.slope = slope
        self.floor = floor

    def __call__(self, update: Tensor) -> Any:
        return ops.maximum(
            self.start - self.slope * ops.cast(update, "float32"), self.floor
        )


@keras.saving.register_keras_serializable(package="keras_attention")
class Exponential(Schedule):
    """$k^i$.

    Args:
        k: Below 1: the nearer, the slower.

    Raises:
        ValueError: Not between 0 and 1.

    Example:

    >>> import keras_attention as ka
    >>> float(ka.schedules.Exponential(0.5)(2.0))
    0.25
    """

    def __init__(self, k: float) -> None:
        _check("k", k, 0.0, 1.0)
        if k in (0, 1):
            raise ValueError(f"`k` must be between 0 and 1. Received: k={k!r}")
        self.k = k

    def __call__(self, update: Tensor) -> Any:
        return ops.exp(math.log(self.k) * ops.cast(update, "float32"))


@keras.saving.register_keras_serializable(package="keras_attention")
class InverseSigmoid(Schedule):
    r"""$k / (k + \exp(i / k))$: high at first, then a fall, then low.

    Half of the tokens are true at update $k \log k$.

    Args:
        k: At least 1: the larger, the later and slower.

    Raises:
        ValueError: Less than 1.

    Example:

    >>> import keras_attention as ka
    >>> float(ka.schedules.InverseSigmoid(1.0)(0.0))
    0.5
    """

    def __init__(self, k: float) -> None:
        _check("k", k, 1.0, math.inf)
        self.k = k

    def __call__(self, update: Tensor) -> Any:
        # As a sigmoid, which does not overflow.
        return ops.sigmoid(math.log(self.k) - ops.cast(update, "float32") / self.k)


def get(identifier: Any) -> Schedule:
    """A schedule from a number (constant), a configuration (dict) or itself.

    Raises:
        TypeError: Something else.
    """
    if isinstance(identifier, (int, float)) and not isinstance(identifier, bool):
        return Constant(float(identifier))
    schedule = from_config(identifier)
    if not isinstance(schedule, Schedule):
        raise TypeError(
            "A schedule must be a number, a ka.schedules.Schedule or its configuration "
            f"(dict). Received: {identifier!r}"
        )
    return schedule


def _check(argument: str, number: Any, low: float, high: float) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise TypeError(
            f"`{argument}` must be a number. Received: {argument}={number!r}"
        )
    if not low <= number <= high or math.isinf(number):
        raise ValueError(
            f"`{argument}` must be in [{low}, {high}]. Received: {argument}={number!r}"
        )
