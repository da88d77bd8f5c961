"""Models that are tables: what comes next depends on row, step and last token."""

import numpy as np
from keras import ops

import keras_attention as ka
from tests.layers.gradients import to_numpy
from tests.reference.generation import log_softmax

PAD, START, END = 0, 1, 2


def as_numpy(generation):
    """Every field as an array; a step function without weights leaves None."""
    fields = generation._asdict()
    return generation._replace(
        **{name: to_numpy(x) for name, x in fields.items() if x is not None}
    )


class Tables:
    """Random logits and weights for B rows.

    Args:
        rows: B; row b's tables depend on ``seed + b`` alone.
        vocabulary: V.
        steps: Most tokens.
        positions: S.
        spread: Standard deviation of the logits.
        end: Added to the logit of the end: how soon hypotheses end.
    """

    def __init__(
        self, rows, vocabulary=4, steps=5, positions=3, seed=0, spread=1.5, end=0.0
    ):
        self.rows, self.vocabulary, self.steps = rows, vocabulary, steps
        self.logits = np.empty((rows, steps, vocabulary, vocabulary), "float32")
        self.weights = np.zeros((rows, steps, vocabulary, positions), "float32")
        self.mask = np.zeros((rows, positions), bool)
        for row in range(rows):
            random = np.random.default_rng(seed + row)
            shape = self.logits.shape[1:]
            self.logits[row] = random.normal(scale=spread, size=shape)
            self.logits[row, ..., END] += end
            # Every third row has padding, and every fourth hard attention, which
            # leaves positions at exactly 0.
            length = positions - (row % 3 == 1)
            soft = random.dirichlet(np.ones(length), size=shape[:2])
            hard = np.eye(length)[random.integers(length, size=shape[:2])]
            self.weights[row, ..., :length] = hard if row % 4 == 3 else soft
            self.mask[row, :length] = True

    def generate(self, options, rows=None, **arguments):
        """``ka.generate`` on all rows, or on some, as NumPy."""
        rows = np.arange(self.rows) if rows is None else np.asarray(rows, int)
        arguments.setdefault("source_mask", self.mask[rows])
        return as_numpy(
            ka.generate(
                self.step_fn,
                self.first_state(rows),
                options,
                vocabulary_size=self.vocabulary,
                **arguments,
            )
        )

    def first_state(self, rows):
        return {
            "row": np.asarray(rows, "int32"),
            "step": np.zeros(len(rows), "int32"),
        }

    def step_fn(self, ids, state):
        # The bound is for rows that wait until the others have ended.
        step = ops.minimum(state["step"], self.steps - 1)
        place = (state["row"] * self.steps + step) * self.vocabulary + ids
        logits = ops.take(self.logits.reshape(-1, self.vocabulary), place, axis=0)
        width = self.weights.shape[-1]
        weights = ops.take(self.weights.reshape(-1, width), place, axis=0)
        return logits, weights, state | {"step": state["step"] + 1}

    def model(self, row):
        """The same row as a function of a prefix, for ``tests.reference.search``."""

        def step(prefix):
            last = prefix[-1] if prefix else START
            logits = self.logits[row, len(prefix), last]
            return log_softmax(logits), self.weights[row, len(prefix), last]

        return step

    def no_padding(self, prefix):
        return range(1, self.vocabulary)
