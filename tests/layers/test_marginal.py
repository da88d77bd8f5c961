"""Exact hard attention against the sum over every alignment, one by one."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.decoder.source_outputs.forward_algorithm import of_ids
from tests.layers.gradients import (
    BACKEND,
    COMPILERS,
    EXACT,
    FAST,
    compiled,
    directional_differences,
    outputs_and_gradients,
    to_numpy,
)
from tests.layers.test_padding import compare
from tests.layers.weights import randomize, weight
from tests.reference.marginal import enumerate_alignments

B, T, S, V, DQ, DV = 3, 3, 4, 5, 3, 4
CASES = {
    "order_0": {"order": 0},
    "order_0_monotonic": {"order": 0, "monotonic": True},
    "order_1": {"order": 1, "window": 1},
    "order_1_monotonic": {"order": 1, "window": 2, "monotonic": True},
}
RANDOM = np.random.default_rng(13)
QUERY = RANDOM.normal(size=(B, T, DQ))
VALUE = RANDOM.normal(size=(B, S, DV))
SAID = RANDOM.integers(1, V, size=(B, T))
PREVIOUS = np.concatenate([np.ones((B, 1), int), SAID[:, :-1]], axis=1)
# A hole, and a row with nothing.
MASK = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]], bool)


def _layer(name, dtype="float32"):
    layer = ka.MarginalAttention(V, 6, dtype=dtype, **CASES[name])
    layer.build((None, None, DQ), (None, None, DV))
    return randomize(layer, scale=1.0)


def _weights(layer):
    names = {"key": "key/kernel", "hidden": "hidden/kernel", "value": "value/kernel"}
    names |= {"hidden_bias": "hidden/bias", "output": "output_layer/kernel"}
    names |= {"output_bias": "output_layer/bias"}
    if layer.order == 1:
        names |= {"jump": "jump/kernel", "jump_bias": "jump/bias"}
        names |= {"jump_key": "jump_key/kernel"}
    return {name: weight(layer, path) for name, path in names.items()}


def _call(layer, **arguments):
    arguments = {"previous_ids": PREVIOUS, "value_mask": MASK} | arguments
    dtype = layer.compute_dtype
    return layer(
        ops.convert_to_tensor(arguments.pop("query", QUERY), dtype),
        ops.convert_to_tensor(arguments.pop("value", VALUE), dtype),
        return_attention_scores=True,
        **arguments,
    )


@pytest.mark.parametrize("name", CASES)
def test_the_sum_over_every_alignment(name):
    layer = _layer(name, EXACT)
    log_probs, places = to_numpy(_call(layer))
    rule = (layer.order, layer.monotonic, layer.window)
    for row in range(B):
        valid = np.flatnonzero(MASK[row])
        if len(valid) == 0:
            assert np.all(log_probs[row] == 0) and np.all(places[row] == 0)
            continue
        wanted, looked = enumerate_alignments(
            _weights(layer), QUERY[row], VALUE[row, valid], SAID[row], *rule
        )
        assert_allclose(log_probs[row], wanted, atol=1e-5)
        assert_allclose(places[row][:, valid], looked, atol=1e-6)
        assert np.all(places[row][:, ~MASK[row]] == 0)


@pytest.mark.parametrize("name", CASES)
def test_one_step_equals_all_steps(name):
    layer = _layer(name)
    log_probs, places = to_numpy(_call(layer))
    memory = layer.precompute(VALUE.astype("float32"), value_mask=MASK)
    state = layer.initial_state(memory)
    for t in range(T):
        query = QUERY[:, t].astype("float32")
        got, looked, state = layer.step(query, PREVIOUS[:, t], memory, state)
        assert_allclose(to_numpy(got), log_probs[:, t], atol=1e-5)
        assert_allclose(to_numpy(looked), places[:, t], atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_padding_cannot_be_seen(name):
    layer = _layer(name)
    value = VALUE.astype("float32")
    value[~MASK] = np.nan
    # One target ends early, one begins late.
    query, query_mask = QUERY.astype("float32"), np.ones((B, T), bool)
    query_mask[0, 2] = query_mask[1, 0] = False
    query[~query_mask] = np.nan

    def run(mask, query, value):
        return layer(
            query,
            value,
            PREVIOUS,
            query_mask=query_mask,
            value_mask=mask,
            return_attention_scores=True,
        )

    arrays = [query, value]
    (log_probs, _), (of_query, _), _ = compare(
        run, arrays, (1,), MASK, layer.trainable_variables, 1e-5
    )
    assert np.all(log_probs[~query_mask] == 0) and np.all(of_query[~query_mask] == 0)
    # What begins late is what stands there, alone.
    alone = _call(layer, query=QUERY[:, 1:], previous_ids=PREVIOUS[:, 1:])
    assert_allclose(log_probs[1, 1:], to_numpy(alone)[0][1], atol=1e-5)


@pytest.mark.parametrize("name", ["order_0_monotonic", "order_1"])
def test_what_is_said_later_does_not_matter(name):
    layer = _layer(name)
    later = PREVIOUS.copy()
    later[:, 2] = later[:, 2] % (V - 1) + 1
    before, after = to_numpy(_call(layer)), to_numpy(_call(layer, previous_ids=later))
    assert_allclose(after[0][:, :2], before[0][:, :2], rtol=1e-6)
    assert np.abs(after[0] - before[0])[0, 2].max() > 1e-4


@pytest.mark.parametrize("outside", [-1, V, 10**6])
def test_an_id_outside_the_vocabulary_is_refused(outside):
    layer, ids = _layer("order_1"), PREVIOUS.copy()
    ids[1, 2] = outside
    message = "`previous_ids` must .* Expected: 0 to 4. Received: {} in row 1{}"
    with pytest.raises(ValueError, match=message.format(outside, ", step 2")):
        _call(layer, previous_ids=ids)
    memory = layer.precompute(VALUE.astype("float32"))
    state, query = layer.initial_state(memory), QUERY[:, 0].astype("float32")
    with pytest.raises(ValueError, match=message.format(outside, "$")):
        layer.step(query, ids[:, 2], memory, state)
    # Padding may be anything.
    wanted = _call(layer, query_mask=ids == PREVIOUS)
    got = _call(layer, previous_ids=ids, query_mask=ids == PREVIOUS)
    assert_allclose(to_numpy(got[0]), to_numpy(wanted[0]), rtol=1e-6)


def test_ids_are_integers():
    with pytest.raises(TypeError, match="`previous_ids` must hold integer ids.*float"):
        _call(_layer("order_1"), previous_ids=PREVIOUS.astype("float32"))


def test_what_is_no_token_is_as_likely_everywhere():
    emissions = np.log(RANDOM.uniform(size=(4, S, V))).astype("float32")
    found = to_numpy(of_ids(emissions, np.array([-1, V, 2, 2**31 - 1])))
    assert_allclose(found[2], emissions[2, :, 2], rtol=1e-6)
    assert np.all(found[[0, 1, 3]] == 0)


@pytest.mark.skipif(not COMPILERS, reason="torch sees every id")
@pytest.mark.parametrize("name", ["order_0_monotonic", "order_1"])
def test_in_a_graph_an_id_outside_the_vocabulary_says_nothing(name):
    layer, ids = _layer(name), PREVIOUS.copy()
    ids[0, 1], ids[1, 2] = V + 3, -2
    run = compiled(lambda ids: _call(layer, previous_ids=ids), COMPILERS[0])
    log_probs, places = to_numpy(run(ops.convert_to_tensor(ids)))
    rule = (layer.order, layer.monotonic, layer.window)
    for row in (0, 1):
        valid = np.flatnonzero(MASK[row])
        said = np.append(ids[row, 1:], 1)
        wanted, looked = enumerate_alignments(
            _weights(layer), QUERY[row], VALUE[row, valid], said, *rule
        )
        assert_allclose(log_probs[row], wanted, atol=1e-5)
        assert_allclose(places[row][:, valid], looked, atol=1e-6)
    # The others are what they are without it.
    ids[0] = PREVIOUS[0]
    again = to_numpy(run(ops.convert_to_tensor(ids)))[0]
    assert_allclose(again[1:], log_probs[1:], rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_gradient(name):
    layer = _layer(name, EXACT)
    loss = ka.losses.MaskedCrossentropy()
    labels = np.where(MASK.any(-1)[:, None], SAID, 0)

    def run(query, value):
        log_probs = layer(query, value, PREVIOUS, value_mask=MASK)
        return loss(labels, log_probs)

    tolerance = 1e-6 if EXACT == "float64" else 2e-2
    pairs = directional_differences(
        run, [QUERY.astype(EXACT), VALUE.astype(EXACT)], layer.trainable_variables
    )
    assert len(pairs) == 2 + len(layer.trainable_variables)
    for analytic, numeric in pairs:
        assert_allclose(analytic, numeric, rtol=tolerance, atol=tolerance * 1e-1)


@pytest.mark.parametrize("name", ["order_1_monotonic"])
def test_long_targets_keep_their_probability(name):
    # Sure of itself: products of 120 emissions would underflow many times over.
    layer = _layer(name)
    layer.output_layer.kernel.assign(20 * to_numpy(layer.output_layer.kernel))
    random = np.random.default_rng(2)
    query = random.normal(size=(1, 120, DQ)).astype("float32")
    value = random.normal(size=(1, 30, DV)).astype("float32")
    ids = random.integers(1, V, size=(1, 120))

    def run(query, value):
        return layer(query, value, ids, return_attention_scores=True)

    (log_probs, places), gradients, _ = outputs_and_gradients(
        run, lambda x: ops.sum(x[0]), [query, value], (), FAST
    )
    assert_allclose(np.exp(log_probs).sum(-1), 1.0, atol=1e-4)
    assert_allclose(places.sum(-1), 1.0, atol=1e-4)
    assert all(np.isfinite(x).all() for x in gradients)


def test_a_model_learns_to_copy_saves_and_loads(tmp_path):
    # Each symbol follows where attention was: positions are all that there is.
    random = np.random.default_rng(0)
    source = random.integers(2, V, size=(128, 4))
    shifted = np.pad(source[:, :-1], ((0, 0), (1, 0)), constant_values=1)
    source_ids, target_ids = (keras.Input((None,), dtype="int32") for _ in range(2))
    value = keras.layers.Embedding(V, 8)(source_ids)
    query = keras.layers.Embedding(V, 8)(target_ids)
    layer = ka.MarginalAttention(V, 16, order=1, window=1, monotonic=True)
    log_probs = layer(query, value, target_ids)
    _, weights = layer(query, value, target_ids, return_attention_scores=True)
    model = keras.Model([source_ids, target_ids], log_probs)
    model.compile(
        keras.optimizers.Adam(0.03),
        ka.losses.MaskedCrossentropy(),
        jit_compile=BACKEND == "jax",
    )
    data = [source, shifted]
    history = model.fit(data, source, batch_size=32, epochs=12, verbose=0).history
    # Without attention to the right place: log 3.
    assert history["loss"][-1] < 0.4
    looked = to_numpy(keras.Model(model.inputs, weights)(data))
    assert looked.shape == (128, 4, 4)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_allclose(to_numpy(again(data)), to_numpy(model(data)), rtol=1e-5)


def test_half_precision():
    layer = _layer("order_1", "mixed_bfloat16")
    log_probs, places = _call(layer)
    assert keras.backend.standardize_dtype(log_probs.dtype) == "float32"
    assert keras.backend.standardize_dtype(places.dtype) == "bfloat16"
    wanted = to_numpy(_call(_layer("order_1")))[0]
    assert_allclose(to_numpy(log_probs), wanted, atol=0.1)


BAD = {
    "order": ("Received: order=2", lambda: ka.MarginalAttention(V, 4, order=2)),
    "window": ("Received: window=0", lambda: ka.MarginalAttention(V, 4, window=0)),
    "units": ("Received: units=-1", lambda: ka.MarginalAttention(V, -1)),
    "rank": (
        r"`query` must have rank 3. Received: query of shape \(3, 3\)",
        lambda: ka.MarginalAttention(V, 4)(QUERY[:, 0], VALUE),
    ),
    "ids": (
        r"`previous_ids` must be given with order=1",
        lambda: ka.MarginalAttention(V, 4, order=1)(QUERY, VALUE),
    ),
    "unbuilt": (
        "`precompute` needs a built layer",
        lambda: ka.MarginalAttention(V, 4).precompute(VALUE),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    message, call = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_step_checks_what_it_is_given():
    layer = _layer("order_1")
    memory = layer.precompute(VALUE)
    state, query, ids = layer.initial_state(memory), QUERY[:, 0], PREVIOUS[:, 0]
    layer.step(query, ids, memory, state)
    short = layer.initial_state(layer.precompute(VALUE[:, 1:]))
    for message, call in {
        "`step` needs a built layer": lambda: ka.MarginalAttention(V, 6).step(
            query, ids, memory, state
        ),
        "symbolic": lambda: layer.step(keras.Input((DQ,)), ids, memory, state),
        "`query` must have rank 2": lambda: layer.step(QUERY, ids, memory, state),
        "`previous_ids` must have rank 1": lambda: layer.step(
            query, PREVIOUS, memory, state
        ),
        "`state` must be.*MarginalState.*Received: MarginalState": lambda: layer.step(
            query, ids, memory, short
        ),
        r"`state` must be.*Received: \(\)": lambda: layer.step(query, ids, memory, ()),
    }.items():
        with pytest.raises(ValueError, match=message):
            call()
