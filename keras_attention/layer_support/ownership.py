"""Ownership: a cell, an attention or an embedding belongs to exactly one layer.

An instance held by two layers saves but does not load, and its weights would
be counted twice, so the second owner is refused when it is constructed.
"""

import weakref

import keras

_ATTRIBUTE = "_keras_attention_owner"


def claim(part: keras.layers.Layer, owner: keras.layers.Layer, argument: str) -> None:
    """Record that `owner` holds `part`.

    Raises:
        ValueError: `part` already belongs to another living layer.
    """
    reference = part.__dict__.get(_ATTRIBUTE)
    previous = reference() if reference is not None else None
    if previous is not None and previous is not owner:
        raise ValueError(
            f"`{argument}` must be an object of its own: expected a "
            f"{type(part).__name__} that no other layer holds. Received: "
            f"{argument}={part.name!r}, which already belongs to "
            f"{previous.name!r}"
        )
    # Past Keras' attribute tracking, which would try to own the reference.
    object.__setattr__(part, _ATTRIBUTE, weakref.ref(owner))
