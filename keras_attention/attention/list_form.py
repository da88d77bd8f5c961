"""Arguments in the form of Keras' own attention layers: `[query, value, key]`."""

from typing import Any

from keras_attention.layer_support.types import Nested


def named_arguments(
    inputs: Nested, mask: Nested = None, *, use_causal_mask: bool = False, **named: Any
) -> dict[str, Any]:
    """The named form of a call with lists.

    Args:
        inputs: `[query, value]` or `[query, value, key]`.
        mask: `[query_mask, value_mask]`, either of them None; what follows is not
            looked at, as in Keras.
        use_causal_mask: Has to be False.
        **named: Other arguments of the call, returned with the rest.

    Raises:
        ValueError: Lists of other lengths, a causal mask, or an argument twice.
    """
    if len(inputs) not in (2, 3):
        raise ValueError(
            "The inputs must be query and value, or a list of them. Expected: "
            "[query, value] or [query, value, key]. "
            f"Received: a list of {len(inputs)}"
        )
    arguments = dict(zip(("query", "value", "key"), inputs, strict=False))
    if mask is not None:
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            raise ValueError(
                "`mask` must be a list of two. Expected: mask=[query_mask, value_mask] "
                "(or `query_mask` and `value_mask` by their names). "
                f"Received: mask={type(mask).__name__}"
            )
        arguments |= {"query_mask": mask[0], "value_mask": mask[1]}
    if use_causal_mask:
        raise ValueError(
            "`use_causal_mask` is for attention of a sequence to itself. Expected: "
            "False. Received: use_causal_mask=True"
        )
    twice = sorted(set(arguments) & set(named))
    if twice:
        raise ValueError(
            "Every argument must be given once, in a list or by its name. "
            f"Received: {', '.join(twice)} in both"
        )
    return arguments | named
