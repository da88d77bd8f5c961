"""Small models with random weights, and sources for them."""

import keras
import numpy as np
from keras import ops

import keras_attention as ka
from tests.layers.weights import randomize

V, S = 11, 6


class CoveredScore(ka.scores.Score):
    """Dot score less what has been attended to: a mechanism with a state."""

    def build(self, query_shape, key_shape):
        self.kernel = self.add_weight(
            shape=(key_shape[-1], query_shape[-1]), name="kernel"
        )

    def precompute(self, key):
        return ops.matmul(key, self.kernel)

    def initial_state(self, keys, mask):
        return ops.zeros(ops.shape(mask), self.compute_dtype)

    def energies(self, query, keys, state):
        energies = ops.matmul(query, ops.swapaxes(keys, -1, -2))  # [B, 1, S]
        return ops.expand_dims(energies - 2.0 * ops.expand_dims(state, 1), 1)

    def next_state(self, state, weights, context, query):
        return state + weights[:, 0]


def _bahdanau():
    return ka.AttentionDecoder(keras.layers.LSTMCell(10), ka.BahdanauAttention(8))


def _luong():
    attention = ka.LuongAttention("general", num_heads=2)
    return ka.AttentionDecoder(keras.layers.GRUCell(10), attention)


def _stateful():
    return ka.AttentionDecoder(
        keras.layers.GRUCell(10), ka.Attention(CoveredScore()), order="luong"
    )


DECODERS = {"bahdanau": _bahdanau, "luong": _luong, "stateful": _stateful}


def model(name):
    """A `ka.Seq2Seq` that also returns its weights, and ends now and then."""
    made = ka.Seq2Seq(
        ka.RecurrentEncoder(6),
        DECODERS[name](),
        source_vocabulary_size=V,
        target_vocabulary_size=V,
        embedding_dim=5,
        return_attention_scores=True,
    )
    randomize(made, seed=8, scale=0.8)
    made.output_layer.bias.assign(2.0 * np.eye(V)[2])
    return made


def sources(rows, seed=4):
    """Ids `[rows, S]` that end at different places."""
    random = np.random.default_rng(seed)
    ids = random.integers(3, V, size=(rows, S))
    lengths = np.where(np.arange(rows) % 2 == 0, S, 2 + np.arange(rows) % (S - 1))
    lengths = np.minimum(lengths, S)
    ids[np.arange(rows), lengths - 1] = 2
    ids[np.arange(S) >= lengths[:, None]] = 0
    return ids.astype("int32")


def teacher_forced(model, source, ids):
    """Log-probabilities `[N, T]` of ``ids [N, T]`` and the weights of every step."""
    inputs = np.concatenate([np.ones((len(ids), 1), "int32"), ids[:, :-1]], axis=1)
    outputs = model({"source_ids": source, "target_ids": inputs})
    table = ops.convert_to_numpy(ops.log_softmax(outputs["logits"], axis=-1))
    picked = np.take_along_axis(table, ids[..., None], axis=-1)[..., 0]
    return picked, ops.convert_to_numpy(outputs["weights"])
