"""Output layers that look at the source, in a whole model: every way to use it."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.weights import randomize

SOURCE = np.array([[5, 4, 6, 2], [3, 2, 0, 0], [2, 0, 0, 0]])
TARGET = np.array([[5, 4, 2], [6, 2, 0], [2, 0, 0]])
PREVIOUS = np.array([[1, 5, 4], [1, 6, 0], [1, 0, 0]])
OUTPUTS = {
    "order_0": lambda: ka.MarginalAttention(8, 6),
    "order_1_monotonic": lambda: ka.MarginalAttention(
        8, 6, order=1, monotonic=True, window=2
    ),
    "pointer": lambda: ka.PointerGenerator(8, [0, 1, 2, 3, 7, 6, 5, 4, 3]),
}


def model(output, **options):
    keras.utils.set_random_seed(3)
    if isinstance(output, ka.MarginalAttention):
        attends = {"attention": None, "readout": "none", "input_feeding": False}
    else:
        attends = {"attention": ka.BahdanauAttention(6)}
    made = ka.Seq2Seq(
        ka.RecurrentEncoder(5),
        ka.AttentionDecoder(keras.layers.LSTMCell(7), **attends),
        source_vocabulary_size=9,
        target_vocabulary_size=8,
        embedding_dim=4,
        output=output,
        **options,
    )
    return randomize(made, scale=1.0)


@pytest.mark.parametrize("name", OUTPUTS)
def test_one_step_equals_all_steps(name):
    made = model(OUTPUTS[name](), return_attention_scores=True)
    out = made({"source_ids": SOURCE, "target_ids": PREVIOUS})
    log_probs, weights = (np.asarray(out[key]) for key in ("logits", "weights"))
    assert_allclose(np.exp(log_probs[0]).sum(-1), 1, rtol=1e-4)
    scores = made.score(SOURCE, TARGET)
    for row, ids in enumerate(TARGET):
        for place in np.flatnonzero(ids):
            expected = log_probs[row, place, ids[place]]
            assert_allclose(
                np.asarray(scores.token_log_probs)[row, place], expected, atol=1e-4
            )
            assert_allclose(
                np.asarray(scores.weights)[row, place], weights[row, place], atol=1e-4
            )


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_hypothesis_has_its_own_likelihood(name):
    made = model(OUTPUTS[name]())
    options = ka.GenerationOptions(beam_size=3, alternatives=3, max_length=3)
    found = made.generate(SOURCE, options)
    ids, lengths = np.asarray(found.ids), np.asarray(found.lengths)
    for place in range(3):
        scores = made.score(SOURCE, ids[:, place])
        some = lengths[:, place] > 0
        assert some[0]
        assert_allclose(
            np.asarray(scores.log_probs)[some],
            np.asarray(found.log_probs)[some, place],
            atol=1e-3,
        )
    greedy = made.generate(SOURCE, ka.GenerationOptions(max_length=3))
    first = made.generate(SOURCE, ka.GenerationOptions(max_length=3, beam_size=1))
    assert np.array_equal(greedy.ids, first.ids)


def test_what_is_copied_is_more_probable():
    made = model(OUTPUTS["pointer"]())
    gate = made.output_layer.gate
    gate.kernel.assign(keras.ops.zeros_like(gate.kernel))
    gate.bias.assign([-50.0])  # copies, always
    log_probs = made({"source_ids": SOURCE, "target_ids": PREVIOUS})
    probs = np.exp(np.asarray(log_probs))[0].sum(axis=0)
    # 5, 4, 6 and the end symbol are copied as 6, 7, 5 and the end symbol.
    assert {*np.flatnonzero(probs > 1e-6)} == {2, 5, 6, 7}


@pytest.mark.parametrize("name", ["order_1_monotonic", "pointer"])
def test_saved_and_loaded(tmp_path, name):
    made = model(OUTPUTS[name]())
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.output_layer.get_config() == made.output_layer.get_config()
    inputs = {"source_ids": SOURCE, "target_ids": PREVIOUS}
    assert_allclose(np.asarray(loaded(inputs)), np.asarray(made(inputs)), rtol=1e-5)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"output": keras.layers.Dense(8)}, TypeError, "`output` must be a ka.Marg"),
        ({"tie_embeddings": True}, ValueError, "tie_embeddings=True"),
        ({"scheduled_sampling": 0.5}, ValueError, "scheduled_sampling=0.5"),
        (
            {"output": ka.MarginalAttention(9, 6)},
            ValueError,
            "Expected: 8. Received: 9",
        ),
        ({"output": ka.PointerGenerator(7)}, ValueError, "Expected: 8. Received: 7"),
        ({"output": ka.PointerGenerator(8)}, ValueError, "Expected: 9. Received: 8 of"),
        (
            {"output": ka.PointerGenerator(8, [])},
            ValueError,
            "Expected: 9. Received: 0",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, error, message):
    arguments = {"output": OUTPUTS["order_0"]()} | arguments
    with pytest.raises(error, match=message):
        model(**arguments)
