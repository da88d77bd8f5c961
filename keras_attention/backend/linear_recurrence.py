"""Linear recurrence of first order along the source, in parallel and exactly."""

from keras import ops

from keras_attention.layer_support.types import Tensor

# Doubling distances reach any length that an int32 can hold.
_MOST_ROUNDS = 31


def linear_recurrence(decay: Tensor, new: Tensor) -> Tensor:
    r"""All values of a linear recurrence, in $\log_2 S$ rounds.

    $$ y_s = d_s\, y_{s-1} + x_s, \qquad y_{-1} = 0 $$

    Round r joins every position with the one $2^r$ before it (Hillis & Steele 1986):
    $(d, x) \circ (d', x') = (d d', d' x + x')$. With factors and terms in [0, 1] there
    is no division, no logarithm and no difference, so nothing cancels or overflows,
    however long the source; a product that is 0 in the dtype is 0 in the result too.

    `keras.ops.associative_scan` computes the same, but on TensorFlow only for lengths
    that are known when the graph is made.

    Args:
        decay: $d$, `[..., S]`.
        new: $x$, of the same shape.

    Returns:
        $y$, `[..., S]`.

    References:
        Blelloch 1990, "Prefix sums and their applications", section 1.4.

    Example:

    >>> import numpy as np
    >>> from keras_attention.backend.linear_recurrence import linear_recurrence
    >>> y = linear_recurrence(np.full((1, 4), 0.5), np.array([[1.0, 0, 0, 1.0]]))
    >>> np.asarray(y).tolist()
    [[1.0, 0.5, 0.25, 1.125]]
    """
    decay, new = ops.convert_to_tensor(decay), ops.convert_to_tensor(new)
    # JAX has an expression in the place of a length that it does not know.
    if not isinstance(new.shape[-1], int):
        return _of_unknown_length(decay, new)
    distance = 1
    while distance < new.shape[-1]:
        new = new + decay * _shifted(new, distance)
        decay = decay * _shifted(decay, distance)
        distance *= 2
    return new


def _shifted(x: Tensor, distance: int) -> Tensor:
    """`x` moved up by `distance` positions, zeros before it."""
    zeros = ops.zeros_like(x[..., :distance])
    return ops.concatenate([zeros, x[..., :-distance]], axis=-1)  # [..., S]


def _of_unknown_length(decay: Tensor, new: Tensor) -> Tensor:
    count = ops.shape(new)[-1]
    position = ops.arange(count, dtype="int32")  # [S]

    def shifted(x: Tensor, distance: Tensor) -> Tensor:
        rolled = ops.roll(x, distance, axis=-1)
        return ops.where(position >= distance, rolled, ops.zeros_like(x))

    def double(distance: Tensor, decay: Tensor, new: Tensor) -> tuple[Tensor, ...]:
        joined = new + decay * shifted(new, distance)
        return distance * 2, decay * shifted(decay, distance), joined

    one = ops.convert_to_tensor(1, dtype="int32")
    # XLA has to know a bound on the rounds to keep them for the gradient.
    return ops.while_loop(
        lambda distance, *_: distance < count,
        double,
        (one, decay, new),
        maximum_iterations=_MOST_ROUNDS,
    )[2]
