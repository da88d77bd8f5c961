"""A score of your own, in one class.

    e_ts = (q_t + u) . k_s

Run it with ``python examples/04_own_score.py``. This is a dot product with a learned
vector u: whatever is asked for, some keys are more interesting than others. It is the
content part of the attention of Transformer-XL (Dai et al. 2019, arXiv 1901.02860,
section 3.3, terms a and c). The library has no such score, and needs no change to get
one: below it learns to write sequences backwards, is saved, and is loaded again.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import ops

import keras_attention as ka


# Registered, so that a saved model finds it wherever this file has been imported.
@keras.saving.register_keras_serializable(package="examples")
class BiasedDotScore(ka.scores.Score):
    """e_ts = (q_t + u) . k_s; head h has slice h of everything."""

    # An energy depends on one key alone: good for `ka.generate_monotonic` too.
    pairwise = True

    def __init__(self, initializer="zeros", **layer):
        super().__init__(**layer)
        # Kept under the name of the argument: saved without a `get_config`.
        self.initializer = keras.initializers.get(initializer)

    def build(self, query_shape, key_shape):
        if query_shape[-1] != key_shape[-1]:
            raise ValueError(
                "Query and key must have the same depth. "
                f"Received: {query_shape[-1]} and {key_shape[-1]}"
            )
        self.u = self.add_weight(
            name="u", shape=(query_shape[-1],), initializer=self.initializer
        )

    def precompute(self, key):
        """Once per sentence. Padding arrives as zeros; the alignment leaves it out."""
        return self.by_head(key)  # [B, H, S, D/H]

    def energies(self, query, keys, state):
        """Of all T queries at once, or of one at a time with T = 1."""
        query = self.by_head(query + ops.cast(self.u, query.dtype))  # [B, H, T, D/H]
        return ops.matmul(query, ops.swapaxes(keys, 2, 3))  # [B, H, T, S]

    def by_head(self, x):
        batch, length, depth = ops.shape(x)
        heads = self.num_heads  # The attention has handed it over.
        x = ops.reshape(x, (batch, length, heads, depth // heads))
        return ops.transpose(x, (0, 2, 1, 3))


END, FIRST, SYMBOLS = 2, 3, 10
VOCABULARY = FIRST + SYMBOLS

# The recipe.
TRAIN, TEST, EPOCHS, UNITS = 12_000, 500, 6, 32
TINY = {"train": 200, "test": 20, "epochs": 1, "units": 8}


def main():
    options = parse_arguments()
    keras.utils.set_random_seed(1)
    source, target = sequences(options.train + options.test)
    model = build(options.units)
    model.compile(
        keras.optimizers.Adam(5e-3, global_clipnorm=1.0),
        loss=ka.losses.MaskedCrossentropy(),
        metrics=[ka.metrics.TokenAccuracy()],
    )
    model.fit(
        {
            "source_ids": source[: options.train],
            "target_ids": shifted(target)[: options.train],
        },
        target[: options.train],
        batch_size=100,
        epochs=options.epochs,
    )

    source, target = source[options.train :], target[options.train :]
    before, after = lines(source), answers(model, source)
    right = np.mean([a == b for a, b in zip(after, lines(target), strict=True)])
    print(
        f"\n{right:.1%} of {len(source)} new sequences are reversed without a mistake."
    )
    for one, other in list(zip(before, after, strict=True))[:3]:
        print(f"  {' '.join(map(str, one)):16} -> {' '.join(map(str, other))}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reverse.keras"
        model.save(path)
        again = keras.models.load_model(path)
    score = again.decoder.attention.score
    same = answers(again, source) == after
    print(f"Loaded with its {type(score).__name__}: the same answers: {same}.")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tiny", action="store_true", help="see only that it runs")
    parser.set_defaults(train=TRAIN, test=TEST, epochs=EPOCHS, units=UNITS)
    options = parser.parse_args()
    if options.tiny:
        vars(options).update(TINY)
    return options


def build(units):
    attention = ka.Attention(BiasedDotScore(), "softmax", num_heads=2)
    return ka.Seq2Seq(
        ka.RecurrentEncoder(units, cell="gru"),
        ka.AttentionDecoder(keras.layers.GRUCell(2 * units), attention),
        source_vocabulary_size=VOCABULARY,
        target_vocabulary_size=VOCABULARY,
        embedding_dim=units,
    )


def sequences(count, shortest=3, longest=8):
    """Sources and targets ``[N, 9]``: symbols, the end, padding."""
    generator = np.random.default_rng(1)
    source = np.zeros((count, longest + 1), "int32")
    target = np.zeros_like(source)
    for row, reverse in zip(source, target, strict=True):
        length = generator.integers(shortest, longest + 1)
        row[:length] = generator.integers(FIRST, VOCABULARY, size=length)
        reverse[:length] = row[:length][::-1]
        row[length] = reverse[length] = END
    return source, target


def shifted(target):
    """What the decoder is fed: the start, then the target."""
    fed = np.concatenate([np.ones_like(target[:, :1]), target[:, :-1]], axis=1)
    return np.where(fed == END, 0, fed)


def lines(ids):
    """The symbols of each row, as numbers from 0."""
    return [[int(i) - FIRST for i in row if i >= FIRST] for row in ids]


def answers(model, source):
    return lines(np.asarray(model.generate(source).ids))


if __name__ == "__main__":
    main()
