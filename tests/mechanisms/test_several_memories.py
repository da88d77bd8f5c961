"""Attention over two memories learns what neither of them is enough for."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from tests.mechanisms import tasks

pytestmark = [pytest.mark.mechanisms, pytest.mark.tensorflow_only]
L = keras.layers
EPOCHS = 10
ATTENTIONS = {
    "flat": lambda: ka.FlatAttention(ka.BahdanauAttention(32), 32),
    "hierarchical": lambda: ka.HierarchicalAttention(
        [ka.BahdanauAttention(32), ka.BahdanauAttention(32)],
        over=ka.BahdanauAttention(32),
        units=32,
    ),
    "side_by_side": lambda: ka.HierarchicalAttention(
        [ka.BahdanauAttention(32), ka.BahdanauAttention(32)], over=None
    ),
}


def _data(count, seed):
    """Two sources, and the symbols of the first, then of the second, backwards."""
    sources = [tasks.sentences(count, seed + k, 1, 4) for k in range(2)]
    backwards = [tasks.reverse(source) for source in sources]
    target = np.zeros((count, 9), "int32")
    for row, first, second in zip(target, *backwards, strict=True):
        said = [*first[: np.argmax(first == tasks.END)], *second[second != 0]]
        row[: len(said)] = said
    return sources, target


def _learned(attention):
    """Accuracy on 500 pairs of sequences that training has not seen."""
    keras.utils.set_random_seed(1)
    ids = [keras.Input((None,), dtype="int32") for _ in range(3)]
    embed = [L.Embedding(tasks.VOCABULARY, tasks.UNITS) for _ in range(3)]
    masks = [keras.ops.not_equal(x, 0) for x in ids]
    values = [
        ka.RecurrentEncoder(tasks.UNITS, "gru")(embed[k](ids[k]), mask=masks[k])[0]
        for k in range(2)
    ]
    decoder = ka.AttentionDecoder(L.GRUCell(2 * tasks.UNITS), attention)
    outputs = decoder(
        embed[2](ids[2]), values, inputs_mask=masks[2], value_mask=masks[:2]
    )
    dense = L.Dense(tasks.VOCABULARY)
    model = keras.Model(ids, dense(outputs))
    sources, target = _data(12_000, 1)
    rate = keras.optimizers.schedules.CosineDecay(6e-3, EPOCHS * 120, 0.05)
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=1.0), ka.losses.MaskedCrossentropy()
    )
    given = [*sources, tasks.shifted(target)]
    model.fit(given, target, batch_size=100, epochs=EPOCHS, verbose=0)

    sources, target = _data(500, 100)
    encoded = keras.Model(ids[:2], values)(sources)
    memory = decoder.precompute(encoded, value_mask=[x != 0 for x in sources])
    step = decoder.stepper(memory)

    def step_fn(ids, state):
        output, weights, state = step(embed[2](ids), state)
        return dense(output), weights, state

    options = ka.GenerationOptions(max_length=target.shape[1])
    found = ka.generate(step_fn, decoder.initial_state(memory), options)
    found = np.asarray(found.ids)
    found = np.pad(found, ((0, 0), (0, target.shape[1] - found.shape[1])))
    return np.mean((found == target).all(axis=1))


@pytest.mark.parametrize("name", ATTENTIONS)
def test_learns(name):
    assert _learned(ATTENTIONS[name]()) >= 0.99
