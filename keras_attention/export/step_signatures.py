"""Signatures for one step at a time: memory and state in the client's hands.

Both are structures of tensors. A signature takes and gives tensors by name: the
name of a place in a structure is made of the fields and numbers that lead there,
`memory_values` or `state_cell_0_1`.
"""

from typing import Any

import tensorflow as tf

from keras_attention.pipeline.graphs import Graphs, Parts, source_answers
from keras_attention.pipeline.option_inputs import Tensors
from keras_attention.pipeline.refusals import Problem, refuse_rows, refuse_sizes
from keras_attention.text.special_symbols import PAD_ID, SPECIAL_TOKENS, UNKNOWN_ID

_STRUCTURES = ("memory", "state")


def named(name: str, structure: Any) -> Tensors:
    """The tensors of a structure by name."""
    if _is_leaf(structure):
        return {name: structure}
    found: Tensors = {}
    for part, value in _parts(structure):
        found |= named(f"{name}_{part}", value)
    return found


def filled(name: str, structure: Any, tensors: Tensors) -> Any:
    """A structure like the given one, of tensors by name."""
    if _is_leaf(structure):
        return tensors[name]
    parts = _parts(structure)
    values = [filled(f"{name}_{part}", value, tensors) for part, value in parts]
    if hasattr(structure, "_fields"):
        return type(structure)(*values)
    if isinstance(structure, dict):
        return dict(zip(structure, values, strict=True))
    return type(structure)(values)


class Stepwise:
    """The graphs of `encode` and `step`.

    Args:
        graphs: Of the pipeline; its model has `encode` and `stepper`.
    """

    def __init__(self, graphs: Graphs) -> None:
        self.graphs = graphs
        encoded = tf.function(self._encoded, autograph=False).get_concrete_function(
            tf.TensorSpec([None, None], tf.int32)
        )
        # The structures, with specifications in the place of tensors.
        self._like = dict(zip(_STRUCTURES, encoded.structured_outputs, strict=True))
        self.specs = {"token": tf.TensorSpec([None], tf.string, name="token")}
        for name, structure in self._like.items():
            for place, spec in named(name, structure).items():
                if spec.shape.rank is None or spec.shape[0] is not None:
                    raise ValueError(
                        "The model cannot be exported: everything that its `encode` "
                        "returns must start with the batch. "
                        f"Received: {place} of shape {spec.shape}"
                    )
                self.specs[place] = tf.TensorSpec(spec.shape, spec.dtype, name=place)

    def encode(self, inputs: Tensors) -> Tensors:
        """What steps begin with."""
        source = self.graphs.source(self.graphs.parts.source.checked(inputs))
        outputs = source_answers(source)
        for name, structure in zip(_STRUCTURES, self._encoded(source.ids), strict=True):
            outputs |= named(name, structure)
        return outputs

    def step(self, inputs: Tensors) -> Tensors:
        """What may follow a token.

        Returns:
            `log_prob` `[B, V]`, of every id; `next_tokens`, `next_log_prob`
            `[B, N]`, the most probable ones, best first, padding left out, `""`
            and the lowest finite number where there are no more;
            `weights` `[B, S]`; the next state.
        """
        parts: Parts = self.graphs.parts
        rows = tf.shape(inputs["token"])[0]
        with tf.control_dependencies([refuse_sizes(inputs, rows, or_one=False)]):
            token = tf.identity(inputs["token"])
        ids = parts.target_tokenizer.ids(token)
        named_unknown = tf.equal(token, SPECIAL_TOKENS[UNKNOWN_ID])
        unknown = Problem(
            tf.equal(ids, PAD_ID) | (tf.equal(ids, UNKNOWN_ID) & ~named_unknown),
            "`token` must be a token of the target vocabulary",
            lambda row: tf.strings.join(["`", token[row], "`"]),
        )
        with tf.control_dependencies([refuse_rows([unknown])]):
            ids = tf.identity(ids)
        memory, state = (filled(name, self._like[name], inputs) for name in _STRUCTURES)
        logits, weights, state = parts.model.stepper(memory)(ids, state)
        logits = tf.cast(logits, tf.float32)
        # What cannot come is minus infinity, which JSON cannot write.
        log_prob = tf.maximum(tf.nn.log_softmax(logits), tf.float32.min)  # [B, V]
        size = parts.target_tokenizer.vocabulary_size
        is_pad = tf.equal(tf.range(size), PAD_ID)
        best = tf.math.top_k(
            tf.where(is_pad, -float("inf"), logits),
            min(self.graphs.max_beam_size, size - 1),
        )  # [B, N]
        possible = best.values > -float("inf")
        next_log_prob = tf.gather(log_prob, best.indices, batch_dims=1)
        weights = tf.cast(weights, tf.float32)
        if weights.shape.rank == 3:
            weights = tf.reduce_mean(weights, axis=1)  # [B, H, S] -> [B, S]
        return {
            "log_prob": log_prob,
            "next_tokens": tf.where(possible, self.graphs.tokens(best.indices), ""),
            "next_log_prob": tf.where(possible, next_log_prob, tf.float32.min),
            "weights": weights,
            **named("state", state),
        }

    def _encoded(self, source_ids: Any) -> tuple[Any, Any]:
        memory, state, _ = self.graphs.parts.model.encode(source_ids)
        return memory, state


def _parts(structure: Any) -> Any:
    if hasattr(structure, "_fields"):
        return list(zip(structure._fields, structure, strict=True))
    if isinstance(structure, dict):
        return list(structure.items())
    return list(enumerate(structure))


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, tuple | list | dict)
