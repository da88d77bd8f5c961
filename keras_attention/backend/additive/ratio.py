r"""The ratio of a pair, of which its tanh is made.

$$ \tanh(q + k) = 1 - 2r, \qquad r = \frac{1}{1 + e^{2(q+k)}}
   = \frac{e^{-2k}}{e^{2q} + e^{-2k}}, \qquad
   \frac{\partial \tanh(q + k)}{\partial q} = 4r(1 - r) $$

The last form of r has one exponential for each number of the queries and keys, and for
a pair a sum and a division. What it takes are ranges: a tanh whose argument is beyond 9
is 1 in float32, so that queries can be cut off at 40 where the keys stay within 30, and
keys where the queries do. Where both go beyond 30 in the same unit, r is computed as
the middle form stands.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.layer_support.types import Tensor

# (within, cut off at): apart by more than a tanh needs to be 1 in this precision, and
# exponentials of twice the latter can be added.
_RANGES = {"float32": (30.0, 40.0), "float64": (150.0, 175.0)}


class Ratio(NamedTuple):
    """A way to compute r: a numerator of the key over a denominator of the pair.

    Attributes:
        of_query, of_key: What has to be known of each, of its shape.
        numerator: `numerator(f, scale)`, scale times that of r.
        denominator: `denominator(e, f)`.
    """

    of_query: Callable[[Tensor], Any]
    of_key: Callable[[Tensor], Any]
    numerator: Callable[[Tensor, Any], Any]
    denominator: Callable[[Tensor, Tensor], Any]

    def of_pair(self, e: Tensor, f: Tensor) -> Any:
        """r."""
        return self.numerator(f, 1.0) / self.denominator(e, f)

    def slope(self, e: Tensor, f: Tensor) -> Any:
        """r (1 - r)."""
        r = self.of_pair(e, f)
        return r - r * r

    def slope_of_key(self, f: Tensor, e: Tensor) -> Any:
        """r (1 - r) with the key first, a numerator serving all keys."""
        # Of 1 - r, or of r where that is: twice as fast in a sum over queries.
        r = self.numerator(e, 1.0) / self.denominator(e, f)
        return r - r * r


FACTORED = Ratio(
    of_query=lambda q: ops.exp(2 * _cut_off(q)),
    of_key=lambda k: ops.exp(-2 * _cut_off(k)),
    numerator=lambda f, scale: scale * f,
    denominator=lambda e, f: e + f,
)
DIRECT = Ratio(
    of_query=lambda q: q,
    of_key=lambda k: k,
    numerator=lambda f, scale: scale,
    denominator=lambda q, k: 1 + ops.exp(2 * (q + k)),
)


def is_factorable(query: Tensor, keys: Tensor) -> Any:
    """Whether `FACTORED` is exact, a boolean scalar.

    Args:
        query: `[..., T, D]`.
        keys: `[..., S, D]`.
    """
    within, _ = _range(query)
    # Compared, not maximised: a NaN must not hide an infinity.
    far = [ops.any(ops.abs(x) > within, axis=-2) for x in (query, keys)]  # [..., D]
    return ops.logical_not(ops.any(ops.logical_and(*far)))


def _cut_off(x: Tensor) -> Any:
    _, most = _range(x)
    # Not `clip`, which is free to lose NaN.
    x = ops.where(x > most, ops.cast(most, x.dtype), x)
    return ops.where(x < -most, ops.cast(-most, x.dtype), x)


def _range(x: Tensor) -> tuple[float, float]:
    return _RANGES[keras.backend.standardize_dtype(x.dtype)]
