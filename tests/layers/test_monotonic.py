"""What the alignments that only move forward promise beyond the rules for all."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.attention.alignments.monotonic import monotonic_weights
from keras_attention.backend.linear_recurrence import linear_recurrence
from tests.layers.gradients import (
    BACKEND,
    COMPILERS,
    compiled,
    to_numpy,
    value_and_gradients,
)
from tests.layers.weights import randomize
from tests.reference import monotonic as oracle

FORWARD_ONLY = oracle.FORWARD_ONLY


def _recurrence(decay, new):
    values = np.zeros(new.shape)
    for s in range(new.shape[-1]):
        before = decay[..., s] * values[..., s - 1] if s else 0.0
        values[..., s] = before + new[..., s]
    return values


def _random(count, batch=3):
    random = np.random.default_rng(count)
    return random.uniform(size=(2, batch, count)).astype("float32")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 31, 100])
def test_recurrence(count):
    decay, new = _random(count)
    wanted = _recurrence(decay, new)
    assert_allclose(to_numpy(linear_recurrence(decay, new)), wanted, rtol=1e-5)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("how", COMPILERS)
def test_recurrence_of_a_length_that_the_graph_does_not_know(how):
    import tensorflow as tf

    def run(decay, new):
        with tf.GradientTape() as tape:
            tape.watch((decay, new))
            values = linear_recurrence(decay, new)
            loss = tf.reduce_sum(tf.sin(values))
        gradients = tape.gradient(
            loss, [decay, new], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return values, gradients

    spec = tf.TensorSpec([None, None], "float32")
    graph = tf.function(run, input_signature=[spec, spec], jit_compile=how == "xla")
    for count in (1, 2, 5, 100):
        decay, new = map(tf.constant, _random(count))
        values, gradients = graph(decay, new)
        assert_allclose(values, _recurrence(*_random(count)), rtol=1e-5)
        for got, wanted in zip(gradients, run(decay, new)[1], strict=True):
            assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


# TF Addons' parallel mode has mass 8e-21 where 1 is right (S = 200, p = .5).
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("count", [200, 1000])
def test_long_sources_keep_their_mass(count, p):
    previous = np.zeros((1, 1, count), "float32")
    previous[..., count // 2] = 1
    stop = np.full_like(previous, p)
    go = np.full_like(previous, 1 - p)
    for _ in range(3):
        tensors = map(ops.convert_to_tensor, (stop, go, previous))
        got = to_numpy(monotonic_weights(*tensors, hard=False))[0, 0]
        exact = oracle.monotonic(np.full(count, p), np.float64(previous[0, 0]))
        assert_allclose(got, exact, rtol=0, atol=1e-5)
        assert abs(got.sum() - exact.sum()) < 1e-5
        previous = got.astype("float32")[None, None]


def _attention(name, **options):
    """The general score with one of these alignments, and data."""
    options = {"mode": "soft"} | options if "forward" not in name else options
    layer = ka.Attention(ka.scores.AdditiveScore(8), ka.alignments.get(name, **options))
    random = np.random.default_rng(4)
    query = random.normal(size=(2, 4, 3)).astype("float32")
    value = random.normal(size=(2, 6, 5)).astype("float32")
    layer.build(query.shape, value.shape)
    return randomize(layer), query, value


@pytest.mark.parametrize("name", FORWARD_ONLY)
def test_a_hole_in_the_mask_is_not_there(name):
    layer, query, value = _attention(name)
    wanted = layer(query, value[:, [1, 2, 4]], return_attention_scores=True)
    mask = np.zeros((2, 6), bool)
    mask[:, [1, 2, 4]] = True
    value[~mask] = np.nan
    got = layer(query, value, value_mask=mask, return_attention_scores=True)
    assert_allclose(to_numpy(got[0]), to_numpy(wanted[0]), atol=1e-6)
    assert_allclose(to_numpy(got[1])[..., [1, 2, 4]], to_numpy(wanted[1]), atol=1e-6)


@pytest.mark.parametrize("name", ["monotonic", "mocha", "stepwise_monotonic"])
def test_hard_outside_training_expected_in_it(name):
    soft, query, value = _attention(name)
    layer, *_ = _attention(name, mode="hard", noise=0.0)
    plain = to_numpy(layer(query, value, return_attention_scores=True)[1])
    if name != "mocha":
        assert set(np.unique(plain)) <= {0.0, 1.0}
    assert (plain.sum(axis=-1) > 0).any()
    arguments = {"return_attention_scores": True, "training": True}
    trained = to_numpy(layer(query, value, **arguments)[1])
    wanted = to_numpy(soft(query, value, return_attention_scores=True)[1])
    assert_allclose(trained, wanted, atol=1e-6)
    assert np.abs(trained - plain).max() > 0.1


# Probabilities of 0 and 1 leave the expected weights nothing to average over.
@pytest.mark.parametrize("name", ["monotonic", "mocha", "stepwise_monotonic"])
def test_hard_is_expected_where_all_is_certain(name):
    (soft, query, value), (hard, *_) = _attention(name), _attention(name, mode="hard")
    for layer in (soft, hard):
        layer.score.v.assign(1e4 * layer.score.v)
    got = to_numpy(hard(query, value, return_attention_scores=True)[1])
    wanted = to_numpy(soft(query, value, return_attention_scores=True)[1])
    assert_allclose(got, wanted, atol=1e-6)
    assert len({tuple(row) for row in got.reshape(-1, 6)}) > 1


def test_hard_monotonic_is_the_papers_algorithm():
    layer, query, value = _attention("monotonic", mode="hard", score_bias=0.3)
    weights = to_numpy(layer(query, value, return_attention_scores=True)[1])
    energies = to_numpy(layer.score.energies(query, layer.score.precompute(value), ()))
    p = oracle.sigmoid(energies[:, 0] + to_numpy(layer.alignment.r)[0])
    for b in range(2):
        previous = np.eye(6)[0]
        for t in range(4):
            previous = oracle.hard_monotonic(p[b, t], previous)
            assert_allclose(weights[b, t], previous)


def test_what_runs_off_the_end_stays_there():
    layer, query, value = _attention("monotonic", mode="hard")
    layer.alignment.r.assign([-1e3])
    context, weights = layer(query, value, return_attention_scores=True)
    assert np.all(to_numpy(weights) == 0) and np.all(to_numpy(context) == 0)


def test_low_energies_of_a_chunk_still_share():
    stops = np.array([[[[-50.0, 50.0, 50.0]], [[-900.0, -901.0, 900.0]]]], "float32")
    mocha = ka.alignments.MochaAlignment(2, mode="soft", score_bias=0.0)
    mocha.build((None, None, 2))
    mask = np.ones((1, 3), bool)
    weights, _ = mocha.advance(stops, mask, None, mocha.initial_state(mask, 1))
    share = 1 / (1 + np.exp(-1.0))
    assert_allclose(to_numpy(weights).ravel(), [share, 1 - share, 0], atol=1e-6)


def test_forward_attention_needs_no_clamp():
    # All that the softmax sees is where attention cannot be: a product would be 0/0.
    forward = ka.alignments.get("forward")
    energies = np.array([[[[-500.0, -500.0, 500.0, 900.0]]]], "float32")
    mask = np.ones((1, 4), bool)
    weights, _ = forward.advance(energies, mask, None, forward.initial_state(mask, 1))
    assert_allclose(to_numpy(weights).ravel(), [0.5, 0.5, 0, 0], atol=1e-6)


@pytest.mark.parametrize("name", ["monotonic", "mocha", "stepwise_monotonic", "gumbel"])
def test_noise_is_drawn_in_training_only(name):
    options = {} if name == "gumbel" else {"mode": "soft", "noise": 2.0}
    alignment = ka.alignments.get(name, **options)
    layer = ka.Attention(ka.scores.AdditiveScore(8), alignment)
    _, query, value = _attention("forward")
    query, value = np.tile(query, (5, 1, 1)), np.tile(value, (5, 1, 1))
    one, two = (to_numpy(layer(query, value)) for _ in range(2))
    assert_allclose(one, two, rtol=0)
    three, four = (to_numpy(layer(query, value, training=True)) for _ in range(2))
    assert np.isfinite(three).all()
    assert np.abs(three - four).max() > 1e-2 and np.abs(three - one).max() > 1e-2


def test_seeds_make_noise_repeatable():
    def run():
        layer = ka.Attention("zero", ka.alignments.MonotonicAlignment(seed=5))
        return to_numpy(layer(np.ones((2, 3, 1)), np.ones((2, 4, 2)), training=True))

    assert_allclose(run(), run(), rtol=0)


def test_gumbel_draws_from_the_softmax():
    energies = np.array([2.0, 0.0, 1.0, -1.0, 5.0])
    layer = ka.Attention("dot", ka.alignments.GumbelAlignment(seed=1))
    value = energies[None, :, None].astype("float32")
    mask = np.array([[True, True, True, True, False]])
    query = np.ones((1, 4000, 1), "float32")
    arguments = {"value_mask": mask, "return_attention_scores": True, "training": True}
    weights = to_numpy(layer(query, value, **arguments)[1])[0]
    assert set(np.unique(weights)) == {0.0, 1.0}
    wanted = np.exp(energies) * mask[0]
    wanted = wanted / wanted.sum()
    # Five standard deviations of a share of 4000 draws.
    assert_allclose(weights.mean(axis=0), wanted, atol=5 * 0.5 / np.sqrt(4000))
    plain = to_numpy(layer(query, value, value_mask=mask))
    assert_allclose(plain, 2.0)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_an_agent_that_always_moves_on_stays_at_the_last_position(policy):
    alignment = ka.alignments.get("forward_transition", dtype=policy)
    layer = ka.Attention("general", alignment, dtype=policy, num_heads=2)
    random = np.random.default_rng(0)
    query, value = random.normal(size=(2, 12, 4)), random.normal(size=(2, 5, 4))
    layer.build(query.shape, value.shape)
    alignment.transition.bias.assign([60.0, -60.0])
    mask = np.array([[True] * 5, [True, True, False, True, False]])
    _, weights = layer(query, value, value_mask=mask, return_attention_scores=True)
    weights = to_numpy(weights)
    assert_allclose(weights.sum(-1), 1.0, atol=2e-3)
    # Half may stay or go before the first step; then one position a step, or none.
    assert_allclose(weights[0, 0, 5:, -1], 1.0, atol=2e-3)
    assert_allclose(weights[1, 0, 5:, 3], 1.0, atol=2e-3)
    assert_allclose(weights[:, 1, :, :2].sum(-1), 1.0, atol=2e-3)


COMPILED = [("mocha", how) for how in COMPILERS]
COMPILED += [("forward_transition", "graph")] if "graph" in COMPILERS else []


@pytest.mark.parametrize("name, how", COMPILED)
def test_compiled_with_gradients(name, how):
    layer, query, value = _attention(name)
    mask = np.array([[1, 1, 1, 1, 1, 0], [0, 1, 0, 1, 1, 1]], bool)

    def loss(query, value):
        context = layer(query, value, value_mask=mask)
        return ops.sum(ops.sin(3.0 * context))

    arrays, variables = [query, value], layer.trainable_variables
    if BACKEND == "tensorflow":
        import tensorflow as tf

        # The lengths and the batch come with the values.
        signature = [tf.TensorSpec([None, None, x.shape[-1]]) for x in arrays]

        @tf.function(input_signature=signature, jit_compile=how == "xla")
        def run(query, value):
            with tf.GradientTape() as tape:
                tape.watch((query, value))
                total = loss(query, value)
            sources = [[query, value], [v.value for v in variables]]
            return total, *tape.gradient(total, sources)

        got = to_numpy(run(*map(tf.constant, arrays)))
    else:
        got = value_and_gradients(loss, arrays, variables, how)
    wanted = value_and_gradients(loss, arrays, variables)
    flat = zip(keras.tree.flatten(got), keras.tree.flatten(wanted), strict=True)
    for a, b in flat:
        assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif("xla" not in COMPILERS, reason="torch is run eagerly")
def test_a_decoder_trains_with_noise_in_a_compiled_loop():
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(4), ka.BahdanauAttention(4, alignment="monotonic")
    )
    random = np.random.default_rng(0)
    inputs = random.normal(size=(2, 5, 3)).astype("float32")
    value = random.normal(size=(2, 6, 4)).astype("float32")
    decoder(inputs, value)
    if BACKEND == "jax":
        # Under jit the seeds' state goes in and out, as Keras' trainer does it.
        frozen = [v.value for v in decoder.trainable_variables]

        def run(state, x, v):
            return decoder.stateless_call(frozen, state, x, v, training=True)

        step = compiled(run, "xla")
        state = [v.value for v in decoder.non_trainable_variables]
        one, state = step(state, inputs, value)
        two, _ = step(state, inputs, value)
    else:
        step = compiled(lambda x, v: decoder(x, v, training=True), "xla")
        one, two = step(inputs, value), step(inputs, value)
    assert np.abs(to_numpy(one) - to_numpy(two)).max() > 1e-3
    assert np.isfinite(to_numpy(one)).all()
