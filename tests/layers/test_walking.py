"""Hard monotonic attention, one key at a time: the same answers from S + T energies."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import BACKEND, FAST, compiled, to_numpy
from tests.layers.weights import randomize

L = keras.layers
V, S, T = 9, 7, 12


@keras.saving.register_keras_serializable(package="tests")
class CountedScore(ka.scores.Score):
    """The additive score, counting the energies that it is asked for.

    Scrambled, its signs are as if drawn by lot: attention stops here and there, as that
    of a trained model does and that of a random one hardly ever.
    """

    pairwise = True

    def __init__(self, scrambled=True, **layer):
        super().__init__(**layer)
        self.scrambled = scrambled
        self.counting = False  # Not while a functional model is made.

    def build(self, query_shape, key_shape):
        self.additive = ka.scores.AdditiveScore(6)
        self.additive.build(query_shape, key_shape)
        self.asked = self.add_weight(
            name="asked", shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def precompute(self, key):
        return self.additive.precompute(key)

    def energies(self, query, keys, state):
        energies = self.additive.energies(query, keys, state)
        if self.counting:
            self.asked.assign(self.asked + ops.size(energies))
        return ops.sin(50.0 * energies) if self.scrambled else energies


def _monotonic(score="additive", **options):
    options = {"score_bias": 0.0} | options
    return ka.Attention(score, ka.alignments.MonotonicAlignment(**options))


DECODERS = {
    "bahdanau_additive": lambda: ka.AttentionDecoder(
        L.LSTMCell(8), ka.BahdanauAttention(6, alignment="monotonic", normalize=True)
    ),
    "unfed_general": lambda: ka.AttentionDecoder(
        L.GRUCell(8), _monotonic("general"), input_feeding=False, readout="concat"
    ),
    "conditional_cosine": lambda: ka.AttentionDecoder(
        L.StackedRNNCells([L.GRUCell(8), L.GRUCell(8)]),
        _monotonic("cosine"),
        order="conditional",
        readout="maxout",
    ),
}


def _model(decoder, ends=False, seed=5):
    model = ka.Seq2Seq(ka.RecurrentEncoder(4), decoder, V, V, 5)
    randomize(model, seed=seed, scale=0.9)
    # States that each token changes, so that attention stops here and there.
    for embedding in (model.source_embedding, model.target_embedding):
        embedding.embeddings.assign(5.0 * embedding.embeddings)
    # Without an end every row takes all the steps that it may.
    model.output_layer.bias.assign((2.0 if ends else -50.0) * np.eye(V)[2])
    return model


def _sources(rows, length=S, seed=1):
    """Rows of different lengths; row 0 is full, row 1 has a hole."""
    random = np.random.default_rng(seed)
    ids = random.integers(3, V, size=(rows, length))
    lengths = np.maximum(2, length - np.arange(rows))
    ids[np.arange(rows), lengths - 1] = 2
    ids[np.arange(length) >= lengths[:, None]] = 0
    if rows > 1:
        ids[1, 1] = 0
    return ids.astype("int32")


def _forced(rows, steps, free=3):
    """Options that leave the last tokens alone to the model."""
    random = np.random.default_rng(6)
    prefix = random.integers(3, V, size=(rows, steps - free)).tolist()
    return ka.GenerationOptions(max_length=steps, prefix=prefix)


def _moves(weights):
    """How often attention stops at another position than before, ``weights [T, S]``."""
    stops = [int(row.argmax()) for row in weights if row.any()]
    return int((np.diff(stops) > 0).sum())


def _same(fast, plain):
    fast, plain = to_numpy(fast), to_numpy(plain)
    assert np.array_equal(fast.ids, plain.ids)
    assert np.array_equal(fast.lengths, plain.lengths)
    assert np.array_equal(fast.weights, plain.weights)
    assert_allclose(fast.log_probs, plain.log_probs, rtol=1e-5, atol=1e-5)
    return fast


@pytest.mark.parametrize("name", DECODERS)
def test_the_answers_are_those_of_ordinary_generation(name):
    model, source = _model(DECODERS[name](), ends=True), _sources(5)
    options = ka.GenerationOptions(max_length=T)
    plain = model.generate(source, options)
    fast = _same(ka.generate_monotonic(model, source, options), plain)
    # Each row is the same when it is alone.
    one = to_numpy(ka.generate_monotonic(model, source[:1], options))
    length = one.lengths[0]
    assert np.array_equal(one.ids[0, :length], fast.ids[0, :length])


def _energies(weights):
    """How many keys a walk looks at that attends where ``weights [T, S]`` say."""
    place, asked = 0, 0
    for row in weights:
        stop = int(row.argmax()) if row.any() else len(row)
        # A walk that has run off the end looks at nothing; one that does, at the rest.
        asked += stop - place + (1 if row.any() else 0)
        place = stop
    return asked


# In a graph that runs, or eagerly: what is counted is what the score computed.
@pytest.mark.skipif(BACKEND == "jax", reason="a compiled loop cannot count in Python")
def test_energies_grow_with_the_sum_of_the_lengths():
    attention = _monotonic(CountedScore())
    model = _model(ka.AttentionDecoder(L.GRUCell(8), attention))
    attention.score.counting, asked = True, attention.score.asked
    for length in (15, 60):
        source, options = _sources(1, length), _forced(1, length)
        asked.assign(0)
        plain = model.generate(source, options)
        assert int(to_numpy(asked)) == length * length
        asked.assign(0)
        fast = _same(ka.generate_monotonic(model, source, options), plain)
        assert int(to_numpy(asked)) == _energies(fast.weights[0]) <= 2 * length
        assert _moves(fast.weights[0]) >= 3


def test_a_walk_counts_its_energies():
    attention = _monotonic()
    decoder = ka.AttentionDecoder(L.GRUCell(4), attention)
    random = np.random.default_rng(3)
    inputs = random.normal(size=(2, T, 3)).astype("float32")
    value = random.normal(size=(2, S, 5)).astype("float32")
    mask = np.array([[1] * S, [0, 1, 1, 0, 1, 1, 0]], bool)
    decoder(inputs, value)
    randomize(decoder, scale=1.0)
    memory = decoder.precompute(value, value_mask=mask)
    outputs, weights = decoder(
        inputs, value, value_mask=mask, return_attention_scores=True
    )
    walking = ka.WalkingAttention(attention, memory)
    step = compiled(decoder.stepper(memory, attention=walking), FAST)
    state = walking.begin(decoder.initial_state(memory))
    for t in range(T):
        output, row, state = step(inputs[:, t], state)
        assert_allclose(to_numpy(output), to_numpy(outputs)[:, t], atol=1e-5)
        assert np.array_equal(to_numpy(row), to_numpy(weights)[:, t])
    wanted = [_energies(to_numpy(weights)[b][:, mask[b]]) for b in range(2)]
    assert to_numpy(state.attention.alignment.energies).tolist() == wanted


def test_what_runs_off_the_end_asks_no_more():
    attention = _monotonic(score_bias=-1e3)
    decoder = ka.AttentionDecoder(L.GRUCell(4), attention)
    value = np.ones((1, S, 5), "float32")
    inputs = np.ones((1, 2, 3), "float32")
    decoder(inputs, value)
    memory = decoder.precompute(value)
    walking = ka.WalkingAttention(attention, memory)
    step = compiled(decoder.stepper(memory, attention=walking), FAST)
    state = walking.begin(decoder.initial_state(memory))
    for _ in range(3):
        _, weights, state = step(inputs[:, 0], state)
        assert np.all(to_numpy(weights) == 0)
    assert to_numpy(state.attention.alignment.energies).tolist() == [S]


@pytest.mark.tensorflow_only
@pytest.mark.mechanisms
def test_a_trained_model_answers_the_same():
    attention = _monotonic(CountedScore(scrambled=False), score_bias=-1.0)
    decoder = ka.AttentionDecoder(L.GRUCell(16), attention, bridge="zero")
    keras.utils.set_random_seed(2)
    model = ka.Seq2Seq(ka.RecurrentEncoder(8, "gru"), decoder, V, V, 8)
    source = np.repeat(_sources(6, 6), 100, axis=0)
    symbols = np.random.default_rng(0).integers(3, V, size=source.shape)
    source = np.where(source > 2, symbols, source)
    source[source[:, 1] == 0, 1] = 3
    shifted = np.pad(source[:, :-1], ((0, 0), (1, 0)), constant_values=1)
    shifted = np.where(shifted == 2, 0, shifted)
    model.compile(keras.optimizers.Adam(0.02), ka.losses.MaskedCrossentropy())
    inputs = {"source_ids": source, "target_ids": shifted}
    losses = model.fit(inputs, source, batch_size=50, epochs=4, verbose=0).history
    assert losses["loss"][-1] < 0.7 * losses["loss"][0]
    plain = to_numpy(model.generate(source[::100]))
    _same(ka.generate_monotonic(model, source[::100]), plain)
    attention.score.counting = True
    options = ka.GenerationOptions(max_length=9)
    fast = to_numpy(ka.generate_monotonic(model, source[:1], options))
    asked = int(to_numpy(attention.score.asked))
    assert 0 < asked <= source.shape[1] + fast.ids.shape[1]
    length = min(fast.lengths[0], plain.lengths[0])
    assert np.array_equal(fast.ids[0, :length], plain.ids[0, :length])


def _walk(attention):
    return lambda: ka.WalkingAttention(attention, memory=None)


def _options(**options):
    return lambda: ka.generate_monotonic(
        _model(DECODERS["unfed_general"]()),
        _sources(1),
        ka.GenerationOptions(**options),
    )


BAD = {
    "softmax": ('"monotonic".*SoftmaxAlignment', _walk(ka.Attention("dot"))),
    "soft": ("mode=\"hard\".*mode='soft'", _walk(_monotonic(mode="soft"))),
    "mocha": ("MochaAlignment", _walk(ka.Attention("additive", "mocha"))),
    "heads": (
        "num_heads=1. Received: num_heads=2",
        _walk(ka.Attention("additive", "monotonic", num_heads=2)),
    ),
    "location": ("pairwise=True.*LocationScore", _walk(_monotonic("location"))),
    "coverage": ("pairwise=True.*CoverageScore", _walk(_monotonic("coverage"))),
    "beam": ("`beam_size` must be 1.*beam_size=2", _options(beam_size=2)),
    "alternatives": (
        r"`alternatives` must be 1.*alternatives=2",
        _options(alternatives=2, sample=True),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_walk_is_refused(name):
    message, call = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_another_model_is_refused():
    with pytest.raises(TypeError, match="`model` must be a ka.Seq2Seq"):
        ka.generate_monotonic(keras.Sequential(), _sources(1))


def test_an_attention_over_several_memories_is_refused():
    several = ka.FlatAttention(ka.Attention("additive", "monotonic"), 4)
    with pytest.raises(TypeError, match="`attention` must be a ka.Attention. Received"):
        ka.WalkingAttention(several, None)
