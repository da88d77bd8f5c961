"""Several inputs in one sequence of ids: an encoder for each of them."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_attention.decoder.bridges import per_layer
from keras_attention.layer_support.types import Ids, Mask, Nested, Tensor


def input_masks(source_ids: Ids, pad_id: int, end_id: int, count: int) -> list[Mask]:
    """Which positions `[B, S]` each of `count` inputs has, with its end symbol.

    What stands behind the last end symbol that is expected belongs to the last input.
    """
    valid = ops.not_equal(source_ids, pad_id)  # [B, S]
    if count == 1:
        return [valid]
    ends = ops.cast(ops.equal(source_ids, end_id), "int32")
    number = ops.minimum(ops.cumsum(ends, axis=1) - ends, count - 1)  # [B, S]
    return [ops.logical_and(valid, ops.equal(number, k)) for k in range(count)]


def read(
    encoders: Sequence[Any], embedded: Tensor, masks: Sequence[Mask]
) -> tuple[Nested, Nested, Nested]:
    """What a decoder is given: values `[B, S, Dv]`, masks and states.

    One encoder's as they are; of several a list of values and of masks, each as long
    as all inputs together, and the states of all of them for every layer.
    """
    found = [
        encoder(embedded, mask=mask)
        for encoder, mask in zip(encoders, masks, strict=True)
    ]
    if len(found) == 1:
        ((value, state),) = found
        return value, masks[0], state
    values, states = zip(*found, strict=True)
    layers = [per_layer(state) for state in states]
    joined = [
        [x for own in layers for x in own[min(i, len(own) - 1)]]
        for i in range(max(map(len, layers)))
    ]
    return list(values), list(masks), joined


def by_position(weights: Tensor, count: int) -> Any:
    """Weights `[..., count * S]` over the values of all inputs, as `[..., S]`.

    A position belongs to one input: the others have weight 0 there.
    """
    if count == 1 or weights is None:
        return weights
    return sum(ops.split(weights, count, axis=-1))  # [..., S]
