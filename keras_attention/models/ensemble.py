"""Ensemble: several models that answer as one."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.backend.precision import at_least_float32
from keras_attention.backend.weights import mean_over_heads, weights_with_heads
from keras_attention.generation.vocabulary_selection.candidate_output import (
    Candidates,
    own_mask,
)
from keras_attention.layer_support.argument_checks import one_of
from keras_attention.layer_support.building import from_config
from keras_attention.models.generating_model import (
    VOCABULARIES,
    GeneratingModel,
    check_generates,
    id_inputs,
)

# Stands for log(0): minus infinity times a weight, less itself, would be no number.
_LOWEST = -1e38


@keras.saving.register_keras_serializable(package="keras_attention")
class Ensemble(GeneratingModel):
    r"""Models with the same vocabularies, as one model.

    With `average="log"` the geometric mean of the members' probabilities, normalised:

    $$ p(y_t \mid y_{<t}, x) \propto \prod_i p_i(y_t \mid y_{<t}, x)^{w_i} $$

    and with `average="linear"` their mean, $\sum_i w_i \, p_i$.

    Args:
        models: `ka.Seq2Seq`, each of its own architecture, or other models with the
            same inputs, `encode`, `stepper` and attributes. They keep their weights
            and can go on being used alone.
        weights: One positive number for each model, divided by their sum; None
            weighs all alike.
        average: `"log"` or `"linear"`. The geometric mean wants a token to be
            probable for every member, the other for some.
        **model: `name`, `trainable`.

    Inputs: those of the members, `{"source_ids": [B, S], "target_ids": [B, T]}`.

    Outputs: log-probabilities `[B, T, V]`, at least float32. They are logits too, for
    losses and metrics.

    The attention weights of what it generates are `[B, T, S]`: the mean over each
    member's heads, then the mean over the members with the weights above.

    Raises:
        ValueError: No models, models that differ in a vocabulary or a special id, one
            model twice, or weights that are not one positive number for each.
        TypeError: A member lacks what is needed of it.

    References:
        Sutskever, Vinyals & Le 2014, arXiv 1409.3215, section 3.6 (who only say
        "ensemble"); Marian and Nematus average as `"log"`, OpenNMT-py's default and
        fairseq as `"linear"`.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> def model(units):
    ...     return ka.Seq2Seq(
    ...         ka.RecurrentEncoder(units),
    ...         ka.AttentionDecoder(
    ...             keras.layers.GRUCell(units), ka.BahdanauAttention(units)
    ...         ),
    ...         source_vocabulary_size=10, target_vocabulary_size=12, embedding_dim=4,
    ...     )
    >>> ensemble = ka.Ensemble([model(4), model(8)], weights=[1, 3])
    >>> ensemble.member_weights
    (0.25, 0.75)
    >>> ensemble.generate(np.array([[5, 4, 2]])).ids.shape[0]
    1
    """

    def __init__(
        self,
        models: Sequence[Any],
        weights: Sequence[float] | None = None,
        average: str = "log",
        **model: Any,
    ) -> None:
        one_of("average", average, ("log", "linear"))
        members = _members(models)
        shares = _shares(weights, len(members))
        averaged = _Averaged(members, shares, average, name="members")
        inputs = id_inputs()
        super().__init__(
            inputs=inputs,
            outputs=averaged(**inputs),  # [B, T, V]
            **model,
        )
        self.averaged = averaged
        self.member_weights = shares
        self.average = average
        for name in VOCABULARIES:
            setattr(self, name, getattr(members[0], name))

    @property
    def members(self) -> list[Any]:
        """The models."""
        return list(self.averaged.members)

    @property
    def memory_by_row(self) -> bool:
        """Whether each tensor of the members' memories is `[B, ...]`."""
        return all(getattr(one, "memory_by_row", False) for one in self.members)

    def encode(self, source_ids: Any) -> tuple[Any, Any, Any]:
        """What generation needs of the source.

        Args:
            source_ids: `[B, S]`.

        Returns:
            The members' memories, their first states, and the source mask `[B, S]`.
        """
        encoded = [member.encode(source_ids) for member in self.averaged.members]
        memories, states, masks = zip(*encoded, strict=True)
        return memories, states, masks[0]

    def stepper(
        self, memory: Any, beam_size: Any = 1, candidates: Candidates | None = None
    ) -> Callable[[Any, Any], Any]:
        """A step function for `ka.generate`: ids to log-probs, weights, states.

        Args:
            memory: What `encode` returned, for B rows.
            beam_size: K: the function is for `B * K` ids.
            candidates: As for the members, `[B * K, M]`; each of them is normalised
                over the row's own candidates before they are averaged.
        """
        narrow = {} if candidates is None else {"candidates": candidates}
        steps = [
            member.stepper(own, beam_size, **narrow)
            for member, own in zip(self.averaged.members, memory, strict=True)
        ]

        def step_fn(ids: Any, states: Any) -> Any:
            results = [step(ids, own) for step, own in zip(steps, states, strict=True)]
            logits, weights, states = zip(*results, strict=True)
            log_probs = self.averaged.mean(logits)
            if candidates is not None:
                own = own_mask(candidates, beam_size)  # [B * K, M]
                nothing = ops.full_like(log_probs, -float("inf"))
                log_probs = ops.where(own, log_probs, nothing)
            return log_probs, _mean_weights(weights, self.member_weights), states

        return step_fn

    def get_config(self) -> dict[str, Any]:
        members = map(keras.saving.serialize_keras_object, self.averaged.members)
        return {
            "name": self.name,
            "trainable": self.trainable,
            # A member's optimizer has nothing to do here.
            "models": [
                {key: part for key, part in member.items() if key != "compile_config"}
                for member in members
            ],
            "weights": list(self.member_weights),
            "average": self.average,
        }


class _Averaged(keras.layers.Layer):
    """The members as one layer.

    Side by side in a graph they would need names that differ, and models read from
    files are often all called the same.
    """

    def __init__(
        self, members: list[Any], shares: tuple[float, ...], average: str, **layer: Any
    ) -> None:
        super().__init__(dtype="float32", **layer)
        self.members = members
        self.shares = shares
        self.average = average

    def call(self, source_ids: Any, target_ids: Any, training: bool = False) -> Any:
        inputs = {"source_ids": source_ids, "target_ids": target_ids}
        outputs = [member(inputs, training=training) for member in self.members]
        return self.mean(
            [out["logits"] if isinstance(out, dict) else out for out in outputs]
        )

    def mean(self, logits: Sequence[Any]) -> Any:
        """Log-probabilities `[..., V]` of the members' logits `[..., V]`."""
        dtypes = {at_least_float32(x.dtype) for x in logits}
        dtype = "float64" if "float64" in dtypes else "float32"
        log_probs = [
            ops.maximum(ops.log_softmax(ops.cast(x, dtype), axis=-1), _LOWEST)
            for x in logits
        ]
        pairs = zip(log_probs, self.shares, strict=True)
        if self.average == "linear":
            weighted = [x + math.log(share) for x, share in pairs]
            return functools.reduce(ops.logaddexp, weighted)
        return ops.log_softmax(sum(x * share for x, share in pairs), axis=-1)


def _mean_weights(weights: Sequence[Any], shares: Sequence[float]) -> Any:
    """`[B, S]` of the members' `[B, S]` or `[B, H, S]`; None where one has none."""
    if any(x is None for x in weights):
        return None
    total: Any = 0.0
    for x, share in zip(weights, shares, strict=True):
        x = ops.cast(weights_with_heads(x, rank=3), at_least_float32(x.dtype))
        total = total + share * mean_over_heads(x)  # [B, S]
    return total


def _members(models: Any) -> list[Any]:
    if not isinstance(models, (list, tuple)):
        raise TypeError(f"`models` must be a list. Received: models={models!r}")
    if not models:
        raise ValueError("`models` must hold at least one model. Received: models=[]")
    members = [from_config(one) for one in models]
    for place, member in enumerate(members):
        check_generates("models", member, f" in place {place}")
        for name in VOCABULARIES:
            expected, received = getattr(members[0], name), getattr(member, name)
            if received != expected:
                raise ValueError(
                    f"`models` must have the same `{name}`. Expected: {expected}, "
                    f"that of the first. Received: {received} in place {place}"
                )
    _check_apart(members)
    return members


def _check_apart(members: Sequence[Any]) -> None:
    """Weights that two members hold would be saved once, and missing in the other."""
    holders: dict[int, int] = {}
    for place, member in enumerate(members):
        for variable in member.variables:
            other = holders.setdefault(id(variable), place)
            if other != place:
                raise ValueError(
                    "`models` must be models of their own: expected no weights in "
                    f"common. Received: {variable.path!r} in places {other} and "
                    f"{place}"
                )


def _shares(weights: Any, number: int) -> tuple[float, ...]:
    if weights is None:
        return (1.0 / number,) * number
    try:
        values = [float(weight) for weight in weights]
    except (TypeError, ValueError) as error:
        raise TypeError(
            "`weights` must be a list of numbers or None. "
            f"Received: weights={weights!r}"
        ) from error
    if len(values) != number:
        raise ValueError(
            f"`weights` must have one number for each of {number} models. "
            f"Received: {len(values)}, weights={values}"
        )
    total = sum(values)
    # Not finite, or so far apart that one of them would be 0 beside the other.
    positive = all(value > 0 for value in values)
    if not positive or not all(value / total > 0 for value in values):
        raise ValueError(
            f"`weights` must be positive, finite numbers. Received: weights={values}"
        )
    return tuple(value / total for value in values)
