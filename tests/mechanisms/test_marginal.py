"""Attention that is summed over every alignment learns what the others learn."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from tests.mechanisms import tasks

pytestmark = [pytest.mark.mechanisms, pytest.mark.tensorflow_only]
L = keras.layers
# Only order 0 may go from anywhere to anywhere: the others go forward, or not far.
CASES = {
    "order_0": ({"order": 0}, tasks.reverse, 6),
    "order_0_monotonic": ({"order": 0, "monotonic": True}, tasks.copy, 10),
    "order_1": ({"order": 1, "window": 2}, tasks.copy, 6),
    "order_1_monotonic": ({"order": 1, "monotonic": True}, tasks.copy, 6),
}


def _learned(options, task, epochs, seed=1):
    """Accuracy on 500 sequences that training has not seen.

    The recurrent network over the target starts from zeros and is fed the target
    alone: what is said of the source has come through attention.
    """
    keras.utils.set_random_seed(seed)
    source_ids, target_ids = (keras.Input((None,), dtype="int32") for _ in range(2))
    source_mask, target_mask = (x != 0 for x in (source_ids, target_ids))
    embed = [L.Embedding(tasks.VOCABULARY, tasks.UNITS) for _ in range(2)]
    encoder = ka.RecurrentEncoder(tasks.UNITS, "gru")
    value, _ = encoder(embed[0](source_ids), mask=source_mask)
    cell = L.GRUCell(2 * tasks.UNITS)
    query = L.RNN(cell, return_sequences=True)(embed[1](target_ids))
    attention = ka.MarginalAttention(tasks.VOCABULARY, 2 * tasks.UNITS, **options)
    log_probs = attention(
        query, value, target_ids, query_mask=target_mask, value_mask=source_mask
    )
    model = keras.Model([source_ids, target_ids], log_probs)
    rate = keras.optimizers.schedules.CosineDecay(6e-3, epochs * 120, 0.05)
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=1.0),
        ka.losses.MaskedCrossentropy(),
        jit_compile=False,
    )
    source = tasks.sentences(12_000, seed)
    target = task(source)
    given = [source, tasks.shifted(target)]
    model.fit(given, target, batch_size=100, epochs=epochs, verbose=0)

    source = tasks.sentences(500, seed + 1)
    wanted = task(source)
    encoded = keras.Model(source_ids, value)(source)
    memory = attention.precompute(encoded, value_mask=source != 0)

    def step(ids, state):
        hidden, cell_state = cell(embed[1](ids), state["cell"])
        logits, weights, places = attention.step(hidden, ids, memory, state["places"])
        return logits, weights, {"cell": cell_state, "places": places}

    first = {
        "cell": [keras.ops.zeros((len(source), cell.units))],
        "places": attention.initial_state(memory),
    }
    options = ka.GenerationOptions(max_length=wanted.shape[1])
    found = np.asarray(ka.generate(step, first, options, batch_size=len(source)).ids)
    found = np.pad(found, ((0, 0), (0, wanted.shape[1] - found.shape[1])))
    return np.mean((found == wanted).all(axis=1))


@pytest.mark.parametrize("name", CASES)
def test_learns(name):
    assert _learned(*CASES[name]) >= 0.99
