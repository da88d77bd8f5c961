"""A window around where attention was, for any alignment without a state."""

from typing import Any, Self

from keras import ops

from keras_attention.attention.alignments.base import CarriedAlignment, registry
from keras_attention.attention.alignments.hard import best_position
from keras_attention.attention.alignments.valid_positions import valid_before
from keras_attention.layer_support.argument_checks import not_negative, one_of
from keras_attention.layer_support.ownership import claim
from keras_attention.layer_support.types import Identifier, Mask, Shape, State, Tensor


@registry.register("window")
class WindowAlignment(CarriedAlignment):
    r"""Another alignment, among the positions around where attention was.

    $$ a_t = \mathrm{alignment}\big( e_{ts} :
       c_{t-1} - b \le s \le c_{t-1} + f \big), \qquad c_0 = 0 $$

    with c the centre of the weights of the step before. Positions outside of the window
    are as if they were padding. It keeps attention from jumping and, where b is 0, from
    going back.

    Args:
        alignment: Name, configuration or instance: one that has no state and takes
            the energies that count as they are, `masks_by_head`.
        before: b, positions before the centre.
        after: f, positions after it.
        centre: What is carried on of the weights: `"argmax"`, the position of the
            largest; `"median"`, the first up to which half of their sum lies; or
            `"mean"`, the position nearest to their mean.
        when: `"inference"`, in training there is no window; or `"always"`.

    Positions count valid ones only. Every row and every head has a window of its own. A
    step without weights, such as one whose query is NaN, leaves the window where it is.

    State: c, `[B, H]`.

    Weights: those of the alignment.

    Relative to the papers: Ping et al. have a window at inference only, with b = 0 and
    f = 2 and the largest weight, as is the default here; the window of Chorowski et al.
    goes from $c - w$ to $c + w - 1$ around the median.

    Raises:
        ValueError: A negative width, an unknown centre, or an alignment that carries a
            state or looks at more than the energies.

    References:
        Ping et al. 2018, arXiv 1710.07654, section 3.6 (attention block); Chorowski et
        al. 2015, arXiv 1506.07503, section 2.3 (windowing).

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> window = ka.alignments.WindowAlignment("softmax", before=0, after=1)
    >>> _, weights = ka.Attention("zero", window)(
    ...     np.ones((1, 2, 1)), np.ones((1, 4, 1)), return_attention_scores=True
    ... )
    >>> np.asarray(weights)[0].tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]]
    """

    def __init__(
        self,
        alignment: Identifier = "softmax",
        before: int = 0,
        after: int = 2,
        centre: str = "argmax",
        when: str = "inference",
        **layer: Any,
    ) -> None:
        super().__init__(**layer)
        self.centre = one_of("centre", centre, ("argmax", "median", "mean"))
        self.when = one_of("when", when, ("inference", "always"))
        self.alignment = registry.get(alignment, dtype=self.dtype_policy)
        if not self.alignment.masks_by_head:
            raise ValueError(
                "`alignment` must have no state and take the energies within the "
                "window as they are. Expected: "
                f"{', '.join(registry.names(masks_by_head=True))}, or one of your own "
                "with masks_by_head=True. "
                f"Received: alignment={type(self.alignment).__name__}"
            )
        claim(self.alignment, self, "alignment")
        self.needs_log_weights = self.alignment.needs_log_weights
        self.before = not_negative("before", before)
        self.after = not_negative("after", after)

    def with_heads(self, num_heads: int) -> Self:
        self.alignment.with_heads(num_heads)
        return super().with_heads(num_heads)

    def build(self, query_shape: Shape, value_shape: Shape = ()) -> None:
        self.alignment.build_for(query_shape, value_shape)

    def draw_noise(self, shape: Shape, dtype: str) -> Tensor | None:
        return self.alignment.draw_noise(shape, dtype)

    def initial_state(self, mask: Mask, num_heads: int) -> State:
        return ops.zeros((ops.shape(mask)[0], num_heads), "int32")  # [B, H]

    def advance(
        self,
        energies: Tensor,
        mask: Mask,
        query: Tensor,
        state: State,
        training: bool = False,
    ) -> tuple[Tensor, State]:
        if training and self.when == "inference":
            return self.alignment.align(energies, mask, query, ()), state
        position = ops.expand_dims(valid_before(mask, "int32"), 1)  # [B, 1, S]
        distance = position - ops.expand_dims(state, -1)  # [B, H, S]
        inside = ops.logical_and(distance >= -self.before, distance <= self.after)
        inside = ops.logical_and(inside, ops.expand_dims(mask, 1))
        weights = self.alignment.align(energies, inside, query, ())  # [B, H, 1, S]
        centre = self._next_centre(ops.stop_gradient(weights), position, mask, state)
        return weights, centre

    def _next_centre(
        self, weights: Tensor, position: Tensor, mask: Mask, centre_before: Tensor
    ) -> Tensor:
        """Centre `[B, H]` of weights `[B, H, 1, S]`; where there are none, as before.

        Positions `[B, 1, S]` count the valid ones of the mask `[B, S]`.
        """
        by_head = ops.squeeze(weights, 2)  # [B, H, S]
        total = ops.sum(by_head, axis=-1)  # [B, H]
        any_weight = total > 0
        if self.centre == "argmax":
            best = ops.squeeze(best_position(weights), 2)  # [B, H, S]
            centre = ops.sum(ops.cast(best, "int32") * position, axis=-1)
        elif self.centre == "median":
            below = ops.cumsum(by_head, axis=-1) < ops.expand_dims(total, -1) / 2.0
            below = ops.logical_and(below, ops.expand_dims(mask, 1))
            centre = ops.sum(ops.cast(below, "int32"), axis=-1)
        else:
            moment = ops.sum(by_head * ops.cast(position, by_head.dtype), axis=-1)
            mean = moment / ops.where(any_weight, total, ops.ones_like(total))
            centre = ops.round(ops.where(any_weight, mean, ops.zeros_like(mean)))
        return ops.where(any_weight, ops.cast(centre, "int32"), centre_before)
