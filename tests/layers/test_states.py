"""States of another mechanism, or of another memory, are refused by name."""

import functools

import keras
import numpy as np
import pytest

import keras_attention as ka
from tests.layers import cases, decoder_cases, several_cases
from tests.layers.gradients import COMPILERS, compiled, to_numpy

# Between any two of these the states differ, by the parts, a rank, a length or a type.
MECHANISMS = [
    *("luong_dot", "coverage", "location_sensitive", "location_sensitive_both"),
    *("gmm_v2", "local_m", "monotonic", "mocha", "stepwise_monotonic"),
    *("forward_transition", "window"),
]


@functools.cache
def attention(name, heads=1):
    """Built, with a memory of B rows and S positions."""
    layer = cases.ATTENTIONS[name].make(num_heads=heads)
    query, value, key = cases.inputs(name)
    layer.build(query.shape, value.shape, key.shape)
    return layer, query[:, 0], layer.precompute(value, key)


def _refused(layer, query, memory, state):
    with pytest.raises(ValueError, match="`state` must be") as raised:
        layer.step(query, memory, state)
    message = str(raised.value)
    assert message.count("AttentionState(score=") >= 2, message
    assert "Expected: " in message and "Received: " in message


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_state_of_another_mechanism(name):
    layer, query, memory = attention(name)
    for other in MECHANISMS:
        theirs, _, their_memory = attention(other)
        state = theirs.initial_state(their_memory)
        if other == name:
            layer.step(query, memory, state)
        else:
            _refused(layer, query, memory, state)
    # The first answer is not remembered in the place of the right one.
    layer.step(query, memory, layer.initial_state(memory))


STATEFUL = [name for name in MECHANISMS if name != "luong_dot"]


@pytest.mark.parametrize("name", STATEFUL)
def test_a_state_of_another_memory(name):
    layer, query, memory = attention(name)
    _, value, key = cases.inputs(name, batch=cases.B + 1)
    other = layer.precompute(value, key)
    _refused(layer, query, memory, layer.initial_state(other))
    _, value, key = cases.inputs(name, positions=cases.S + 1)
    longer = layer.precompute(value, key)
    state = layer.initial_state(longer)
    # Where a step and a window stand does not depend on the length.
    if name not in ("local_m", "window"):
        _refused(layer, query, memory, state)
    layer.step(query, longer, state)
    # As many heads as the layer has.
    twice, _, their_memory = attention(name, heads=2)
    if name != "local_m":
        _refused(layer, query, memory, twice.initial_state(their_memory))


def test_states_of_numpy_arrays_go_on():
    layer, query, memory = attention("stepwise_monotonic")
    _, wanted, state = layer.step(query, memory, layer.initial_state(memory))
    previous, before = (np.asarray(to_numpy(x)) for x in state.alignment)
    arrays = ka.AttentionState(alignment=(previous.astype("float32"), before))
    first, second = (layer.step(query, memory, x)[1] for x in (state, arrays))
    assert np.array_equal(to_numpy(first), to_numpy(second))
    assert not np.array_equal(to_numpy(first), to_numpy(wanted))
    wide = ka.AttentionState(alignment=(previous, before))
    with pytest.raises(ValueError, match="Received.*float64 .3, 1, 5."):
        layer.step(query, memory, wide)


def test_what_is_no_state_at_all():
    layer, query, memory = attention("monotonic")
    for state in (None, (), 1.0, [np.zeros((3, 1, 5), "float32")]):
        with pytest.raises(ValueError, match="`state` must be.*Received: "):
            layer.step(query, memory, state)


def test_attention_over_several_memories():
    layers = {name: several_cases.built(name) for name in ("flat", "hierarchical")}
    found = {}
    for name, layer in layers.items():
        memory = layer.precompute(several_cases.MEMORIES)
        found[name] = memory, layer.initial_state(memory)
    query = several_cases.QUERY[:, 0]
    for name, layer in layers.items():
        for other in layers:
            memory, state = found[name][0], found[other][1]
            if name == other:
                layer.step(query, memory, state)
                continue
            with pytest.raises(ValueError, match="`state` must be"):
                layer.step(query, memory, state)


@pytest.mark.parametrize("name, other", [("luong", "bahdanau"), ("bahdanau", "luong")])
def test_decoders(name, other):
    decoder, theirs = decoder_cases.built(name), decoder_cases.built(other)
    data = decoder_cases.inputs()
    memory = decoder.precompute(data["value"])
    wrong = theirs.initial_state(theirs.precompute(data["value"]))
    inputs = data["inputs"][:, 0]
    with pytest.raises(ValueError, match=r"`state` must be.*Received: DecoderState\("):
        decoder.step(inputs, memory, wrong)
    short = decoder.initial_state(decoder.precompute(data["value"][:1]))
    with pytest.raises(ValueError, match=r"Received: .*\(1, "):
        decoder.step(inputs, memory, short)
    # The encoder's states make one of the same form as none.
    state = decoder.initial_state(memory, data["initial_state"])
    _, _, state = decoder.step(inputs, memory, state)
    decoder.step(inputs, memory, state)


@pytest.mark.parametrize("how", COMPILERS)
def test_in_a_compiled_function(how):
    layer, query, memory = attention("stepwise_monotonic")
    state = layer.initial_state(memory)
    wanted = to_numpy(layer.step(query, memory, state)[1])
    other = attention("monotonic")
    wrong = other[0].initial_state(other[2])
    tensor = keras.ops.convert_to_tensor

    def run(query, memory, state):
        return layer.step(query, memory, state)[1]

    step = compiled(run, how)
    one = tensor(query.astype("float32"))
    assert np.allclose(to_numpy(step(one, memory, state)), wanted, atol=1e-6)
    with pytest.raises(ValueError, match="`state` must be"):
        step(one, memory, wrong)
    # Nothing of the trace is left behind.
    assert np.array_equal(to_numpy(layer.step(query, memory, state)[1]), wanted)


@pytest.mark.tensorflow_only
def test_in_a_graph_that_does_not_know_the_sizes():
    import tensorflow as tf

    layer, query, memory = attention("forward_transition")
    wanted = to_numpy(layer.step(query, memory, layer.initial_state(memory))[1])
    _, value, key = cases.inputs("forward_transition")
    arrays = [x.astype("float32") for x in (query, value, key)]
    shapes = [[None] * (x.ndim - 1) + [x.shape[-1]] for x in arrays]

    @tf.function(input_signature=[tf.TensorSpec(shape) for shape in shapes])
    def run(query, value, key):
        memory = layer.precompute(value, key)
        state = layer.initial_state(memory)
        with pytest.raises(ValueError, match="`state` must be.*None"):
            layer.step(query, memory, state._replace(score=state.alignment))
        return layer.step(query, memory, state)[1]

    assert np.allclose(to_numpy(run(*arrays)), wanted, atol=1e-6)
    assert np.array_equal(
        to_numpy(layer.step(query, memory, layer.initial_state(memory))[1]), wanted
    )
